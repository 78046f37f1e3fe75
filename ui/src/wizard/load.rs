//! What the wizard reads before it begins.

use std::collections::BTreeSet;
use std::sync::Arc;

use hdm_shared::changes::ChangePage;
use hdm_shared::plugin::menu::ClientObject;
use hdm_shared::plugin::{MAX_SELECTED, Preferences};
use hdm_shared::vm::VmPage;
use leptos::prelude::*;

use super::state::{Vms, Wizard};
use crate::api::{self, Failure, Guid};
use crate::model::sorted::gathered;

/// So many VMs are asked for in one address: proxies refuse long ones.
const IDS_PER_REQUEST: usize = 100;
/// Migrations of the last so many days tell how fast they are.
const HISTORY_DAYS: i64 = 30;

/// Why the wizard does not begin.
#[derive(Clone, Debug, PartialEq)]
pub enum Refusal {
    /// The selection is of several vCenters.
    SeveralVcenters,
    /// The selection is too large.
    TooMany(usize),
    /// Something could not be read.
    Failed(Failure),
}

/// Whether a selection can be migrated at all.
pub fn check_selection(objects: &[ClientObject]) -> Result<(), Refusal> {
    let vcenters: BTreeSet<&str> = gathered(objects.iter().filter_map(|object| object.vc_guid.as_deref()));
    if vcenters.len() > 1 {
        return Err(Refusal::SeveralVcenters);
    }
    if objects.len() > MAX_SELECTED {
        return Err(Refusal::TooMany(objects.len()));
    }
    Ok(())
}

/// Reads virtual machines, clouds and preferences; answers with the chosen virtual machines.
pub async fn load(wizard: Wizard, objects: &[ClientObject]) -> Result<BTreeSet<String>, Refusal> {
    check_selection(objects)?;
    let guid = wizard.guid.get_value();
    let (vms, chosen) = load_vms(&guid, objects).await.map_err(Refusal::Failed)?;
    let offers = api::read(&guid, &format!("api/clouds{}", about(objects))).await.map_err(Refusal::Failed)?;
    // Without preferences and history the wizard works too.
    let preferences: Preferences = api::read(&guid, "api/preferences").await.unwrap_or_default();
    let since_ms = crate::format::now().as_millisecond() - HISTORY_DAYS * 86_400_000;
    let finished = api::read(&guid, &format!("api/migrations?since_ms={since_ms}")).await.unwrap_or_default();
    wizard.vms.set(Arc::new(vms));
    wizard.offers.set(offers);
    wizard.preferences.set(preferences);
    wizard.finished.set(finished);
    Ok(chosen)
}

/// The server shows clouds to whoever may migrate the object named.
fn about(objects: &[ClientObject]) -> String {
    objects.first().map_or_else(String::new, |object| {
        let kind = if object.kind == "VirtualMachine" { "vm" } else { "cluster" };
        format!("?{kind}={}", api::escape(&object.id))
    })
}

/// The virtual machines of the selection, and the others of their clusters: some may be added.
async fn load_vms(guid: &Guid, objects: &[ClientObject]) -> Result<(Vms, BTreeSet<String>), Failure> {
    let of_kind =
        |kind: &str| objects.iter().filter(|o| o.kind == kind).map(|o| o.id.clone()).collect::<Vec<_>>();
    let selected = of_kind("VirtualMachine");
    let mut clusters: BTreeSet<String> = gathered(of_kind("ClusterComputeResource"));
    let mut vms = Vms::new();
    for some in selected.chunks(IDS_PER_REQUEST) {
        let query: Vec<String> = some.iter().map(|id| format!("vm={}", api::escape(id))).collect();
        let page: VmPage = api::read(guid, &format!("api/vms?{}", query.join("&"))).await?;
        for vm in page.vms {
            if !vm.cluster_id.is_empty() {
                clusters.insert(vm.cluster_id.clone());
            }
            vms.insert(vm.vm.moid.clone(), Arc::new(vm));
        }
    }
    for cluster in clusters {
        let page: VmPage = api::read(guid, &format!("api/vms?cluster={}", api::escape(&cluster))).await?;
        for vm in page.vms {
            vms.entry(vm.vm.moid.clone()).or_insert_with(|| Arc::new(vm));
        }
    }
    let can =
        |moid: &String| vms.get(moid).is_some_and(|vm| crate::model::wizard::validate::can_be_chosen(vm));
    let chosen = selected.into_iter().filter(can).collect();
    Ok((vms, chosen))
}

/// The unfinished migration of a virtual machine, if it has one.
pub async fn under_way(guid: &Guid, vm: &str) -> Option<hdm_shared::MigrationId> {
    let path = format!("api/changes?since=0&vm={}", api::escape(vm));
    let page: ChangePage = api::read(guid, &path).await.ok()?;
    page.migrations.iter().find(|migration| !migration.state.is_final()).map(|migration| migration.id)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn object(id: &str, guid: &str) -> ClientObject {
        ClientObject { kind: "VirtualMachine".into(), id: id.into(), vc_guid: Some(guid.into()) }
    }

    #[test]
    fn a_selection_over_several_vcenters_or_too_large_is_refused() {
        assert!(check_selection(&[object("vm-1", "a"), object("vm-2", "a")]).is_ok());
        let two = [object("vm-1", "a"), object("vm-2", "b")];
        assert_eq!(check_selection(&two), Err(Refusal::SeveralVcenters));
        let many: Vec<_> = (0..=MAX_SELECTED).map(|n| object(&format!("vm-{n}"), "a")).collect();
        assert_eq!(check_selection(&many), Err(Refusal::TooMany(MAX_SELECTED + 1)));
    }
}
