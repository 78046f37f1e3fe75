//! `GET api/changes`: what has changed since the page asked last.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use axum::extract::RawQuery;
use axum::http::HeaderMap;
use axum::response::Response;
use hdm_shared::changes::ChangePage;
use hdm_shared::migration::MigrationView;
use hdm_shared::plugin::{Privilege, VisibleChanges};
use hdm_vsphere::MoRef;

use super::caller::usual;
use super::{Caller, cluster, no_parameter, number, parameters, reply, vm};
use crate::changes::Cursor;
use crate::problem::Failure;
use crate::session::rights::Mask;

/// How long a page waits for a change that another instance has told it of already.
const CATCH_UP: Duration = Duration::from_secs(2);

/// How often it is asked what the user sees when that changes meanwhile.
const MAX_ASKED: u32 = 3;

/// What a page wants to follow.
#[derive(Debug, Default)]
struct Wanted {
    since: i64,
    cluster: Option<MoRef>,
    vm: Option<MoRef>,
}

impl Wanted {
    fn read(query: Option<&str>) -> Result<Self, Failure> {
        let mut wanted = Self::default();
        for (name, value) in parameters(query) {
            match name.as_str() {
                "since" => wanted.since = number(&name, &value)?,
                "cluster" => wanted.cluster = Some(cluster(&value)?),
                "vm" => wanted.vm = Some(vm(&value)?),
                _ => return Err(no_parameter(&name)),
            }
        }
        Ok(wanted)
    }

    fn is_about(&self, view: &MigrationView) -> bool {
        self.cluster.as_ref().is_none_or(|cluster| cluster.id == view.source_cluster_id)
            && self.vm.as_ref().is_none_or(|vm| vm.id == view.vm.moid)
    }
}

/// The changes that the user may see. Conditional: a page that has the answer already gets 304.
pub async fn show(
    caller: Caller,
    request: HeaderMap,
    RawQuery(query): RawQuery,
) -> Result<Response, Failure> {
    let wanted = Wanted::read(query.as_deref())?;
    let page = page(&caller, &wanted).await?;
    reply::conditional(&request, &page)
}

/// What a user may do with some VMs.
struct Permitted {
    held: HashMap<MoRef, Mask>,
    /// The scope of that.
    scope: i64,
}

impl Permitted {
    fn has(&self, view: &MigrationView, privilege: Privilege) -> bool {
        let vm = MoRef::new("VirtualMachine", &view.vm.moid);
        self.held.get(&vm).is_some_and(|held| held.has(privilege))
    }
}

/// Which of the VMs the user sees and may move. While it is found out, another frame may find out that
/// a privilege has gone: what was told before must not go under the scope from then on.
async fn permitted(caller: &Caller, vms: &BTreeSet<MoRef>) -> Result<Permitted, Failure> {
    let rights = &caller.session.rights;
    let mut asked = 0;
    loop {
        let before = rights.scope();
        let held = caller.held(vms, usual(Privilege::View)).await?;
        asked += 1;
        // The scope from before is never wrong: at worst the page is told everything once more.
        if rights.scope() == before || asked == MAX_ASKED {
            return Ok(Permitted { held, scope: Cursor::new(0, before).scope });
        }
    }
}

async fn page(caller: &Caller, wanted: &Wanted) -> Result<VisibleChanges, Failure> {
    let feed = &caller.app.feed;
    feed.look();
    let from = Cursor::read(wanted.since);
    if from.at > feed.memory().cursor() {
        feed.hurry();
        feed.reaches(from.at, CATCH_UP).await;
    }
    let ours: Vec<Arc<MigrationView>> = {
        let memory = feed.memory();
        let vcenter = &caller.session.vcenter.id;
        memory.all().filter(|view| view.vm.vcenter == *vcenter && wanted.is_about(view)).cloned().collect()
    };
    // Asked about all, not only what is new: a privilege that is gone is noticed by that.
    let vms: BTreeSet<MoRef> = ours.iter().map(|view| MoRef::new("VirtualMachine", &view.vm.moid)).collect();
    let permitted = permitted(caller, &vms).await?;
    let scope = permitted.scope;
    let visible = |view: &MigrationView| {
        view.vm.vcenter == caller.session.vcenter.id
            && wanted.is_about(view)
            && permitted.has(view, Privilege::View)
    };
    let memory = feed.memory();
    let appliance = caller.app.upstream.state();
    if !memory.is_loaded() {
        // Nothing is known yet; what the page knows stays.
        let (cursor, more) = (wanted.since, appliance.away_since.is_none());
        let page = ChangePage { cursor, reset: false, more, migrations: Vec::new(), appliance };
        return Ok(VisibleChanges { page, view_only: Vec::new() });
    }
    let told = memory.since(from.at, wanted.since <= 0 || from.scope != scope, visible);
    let fixed = |view: &&Arc<MigrationView>| !permitted.has(view, Privilege::Migrate);
    let view_only = told.migrations.iter().filter(fixed).map(|view| view.id).collect();
    let page = ChangePage {
        cursor: Cursor::new(told.cursor, scope).number(),
        reset: told.reset,
        more: told.more,
        migrations: told.migrations.iter().map(|view| MigrationView::clone(view)).collect(),
        appliance,
    };
    Ok(VisibleChanges { page, view_only })
}
