//! A list of virtual machines that somebody pasted: what its rows mean here. The names are looked up among the virtual
//! machines that are listed and in what the cloud offers, as the appliance would: an id or a path means one object, a
//! name may be shared.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use hdm_shared::cloud::{CloudOffer, OfferedCluster, OfferedObject};
use hdm_shared::vm::VmView;
use hdm_shared::wave::{Said, Wave};

use super::choices::target_in;
use super::draft::{Draft, Moid, Settings, Target};
use super::validate::can_be_chosen;

/// Why a row cannot be carried out; each names what is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wrong {
    /// There is no such virtual machine.
    NoVm(String),
    /// Several objects have that name.
    Several(String),
    /// The virtual machine cannot be chosen, and why.
    Blocked(String, String),
    /// The virtual machine is in the list twice.
    Twice(String),
    /// It would come from another vCenter, or go to another.
    OtherVcenter(String),
    /// The cloud does not offer it.
    NotOffered(String),
    /// The virtual machine has no such adapter or network.
    NoAdapter(String),
    /// Only the command line can do that.
    OnlyTyped(&'static str),
}

/// What a row means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Taken {
    /// The virtual machine.
    pub moid: Moid,
    /// What it becomes.
    pub settings: Settings,
    /// Where it goes, if the row says anything of it.
    pub target: Option<Target>,
    /// The networks of its adapters, as far as the row names them, by id.
    pub adapters: BTreeMap<String, String>,
}

/// What a list means.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reading {
    /// Rows that can be carried out.
    pub taken: Vec<Taken>,
    /// Rows that cannot, by their line.
    pub wrong: Vec<(u64, Wrong)>,
}

/// Looks up what a list names.
pub fn look_up(
    wave: &Wave,
    vms: &BTreeMap<Moid, Arc<VmView>>,
    draft: &Draft,
    offer: Option<&CloudOffer>,
) -> Reading {
    let known = Known::of(vms);
    let mut reading = Reading::default();
    let mut seen = BTreeSet::new();
    for row in &wave.rows {
        let said = row.said.clone().over(&wave.defaults);
        let taken = known.find(&row.vm).and_then(|vm| {
            if !seen.insert(vm.vm.moid.as_str()) {
                return Err(Wrong::Twice(vm.name.clone()));
            }
            take(vm, said, draft, offer)
        });
        match taken {
            Ok(taken) => reading.taken.push(taken),
            Err(wrong) => reading.wrong.push((row.at.line, wrong)),
        }
    }
    reading
}

/// The virtual machines that are listed, by path and by name.
struct Known<'a> {
    vms: &'a BTreeMap<Moid, Arc<VmView>>,
    by_name: BTreeMap<&'a str, Vec<&'a VmView>>,
    by_path: BTreeMap<&'a str, Vec<&'a VmView>>,
}

impl<'a> Known<'a> {
    fn of(vms: &'a BTreeMap<Moid, Arc<VmView>>) -> Self {
        let mut known = Self { vms, by_name: BTreeMap::new(), by_path: BTreeMap::new() };
        for vm in vms.values() {
            known.by_name.entry(&vm.name).or_default().push(vm);
            known.by_path.entry(&vm.path).or_default().push(vm);
        }
        known
    }

    fn find(&self, asked: &str) -> Result<&'a VmView, Wrong> {
        let of_vcenter = |vm: &&Arc<VmView>| {
            asked.split_once(':').is_none_or(|(vcenter, _)| vcenter == vm.vm.vcenter.as_str())
        };
        let id = asked.split_once(':').map_or(asked, |(_, id)| id);
        if let Some(vm) = self.vms.get(id).filter(of_vcenter) {
            return Ok(vm);
        }
        match self.by_path.get(asked).or_else(|| self.by_name.get(asked)).map(Vec::as_slice) {
            None | Some([]) => Err(Wrong::NoVm(asked.to_owned())),
            Some([vm]) => Ok(vm),
            Some(_) => Err(Wrong::Several(asked.to_owned())),
        }
    }
}

fn take(vm: &VmView, said: Said, draft: &Draft, offer: Option<&CloudOffer>) -> Result<Taken, Wrong> {
    if !can_be_chosen(vm) {
        let why = vm.findings.iter().find(|finding| finding.blocks());
        let why = why.map(|finding| finding.message.clone()).unwrap_or_default();
        return Err(Wrong::Blocked(vm.name.clone(), why));
    }
    if let Some(source) = said.source.filter(|source| *source != vm.vm.vcenter) {
        return Err(Wrong::OtherVcenter(source.to_string()));
    }
    if let Some(cloud) = said.cloud.filter(|cloud| Some(cloud) != draft.cloud.as_ref()) {
        return Err(Wrong::OtherVcenter(cloud.to_string()));
    }
    for (is_said, column) in
        [(said.target.host.is_some(), "host"), (said.options.restart_guest.is_some(), "restart-guest")]
    {
        if is_said {
            return Err(Wrong::OnlyTyped(column));
        }
    }
    let options = said.options;
    let settings = Settings {
        name: options.rename,
        cpus: options.cpus,
        memory_mib: options.memory_mib,
        shutdown: options.shutdown,
        shutdown_timeout_seconds: options.shutdown_timeout_seconds,
        power_on: options.power_on,
        mac: options.mac,
        verify: options.verify,
    };
    let place = said.target;
    let names_place =
        [&place.cluster, &place.datastore, &place.pool, &place.folder].iter().any(|p| p.is_some());
    let names_network = !place.networks.is_empty() || !place.adapters.is_empty();
    let mut taken = Taken { moid: vm.vm.moid.clone(), settings, target: None, adapters: BTreeMap::new() };
    if !names_place && !names_network && options.disk_format.is_none() {
        return Ok(taken);
    }
    let before = draft.target_of(&vm.vm.moid);
    let not_offered = || Wrong::NotOffered(place.cluster.clone().unwrap_or_else(|| "cluster".into()));
    let offer = offer.ok_or_else(not_offered)?;
    let current = super::choices::cluster(offer, before.cluster.as_ref());
    let cluster: &OfferedCluster = match &place.cluster {
        Some(asked) => {
            let object = pick(offer.clusters.iter().map(|cluster| &cluster.object), asked)?;
            offer.clusters.iter().find(|cluster| cluster.object.id == object.id).ok_or_else(not_offered)?
        }
        None => current.or(offer.clusters.first()).ok_or_else(not_offered)?,
    };
    if names_place || options.disk_format.is_some() {
        let stays = current.is_some_and(|current| current.object.id == cluster.object.id);
        let mut target = if stays { before.clone() } else { target_in(offer, cluster, before) };
        if let Some(asked) = &place.datastore {
            target.datastore = Some(pick(cluster.datastores.iter().map(|d| &d.object), asked)?.id.clone());
        }
        if let Some(asked) = &place.pool {
            target.pool = Some(pick(cluster.pools.iter(), asked)?.id.clone());
        }
        if let Some(asked) = &place.folder {
            let here = |folder: &&OfferedObject| folder.datacenter == cluster.object.datacenter;
            target.folder = Some(pick(offer.folders.iter().filter(here), asked)?.id.clone());
        }
        target.disk_format = options.disk_format.or(target.disk_format);
        taken.target = Some(target);
    }
    // What is said of an adapter goes before what is said of its network.
    for (asked, is_network) in
        place.networks.iter().map(|pair| (pair, true)).chain(place.adapters.iter().map(|pair| (pair, false)))
    {
        let (from, to) = asked;
        let network = pick(cluster.networks.iter(), to)?;
        let of_pair =
            vm.adapters.iter().filter(|a| if is_network { a.network == *from } else { a.label == *from });
        let labels: Vec<_> = of_pair.map(|adapter| adapter.label.clone()).collect();
        // Networks are often said of all, also of those that are not on them.
        if labels.is_empty() && !is_network {
            return Err(Wrong::NoAdapter(from.clone()));
        }
        taken.adapters.extend(labels.into_iter().map(|label| (label, network.id.clone())));
    }
    Ok(taken)
}

/// The one object that is meant.
fn pick<'a>(
    offered: impl Iterator<Item = &'a OfferedObject> + Clone,
    asked: &str,
) -> Result<&'a OfferedObject, Wrong> {
    let exact = offered.clone().find(|object| object.id == asked || object.path == asked);
    let mut called = offered.filter(|object| object.name == asked);
    match (exact, called.next(), called.next()) {
        (Some(object), ..) | (None, Some(object), None) => Ok(object),
        (None, Some(_), Some(_)) => Err(Wrong::Several(asked.to_owned())),
        (None, None, _) => Err(Wrong::NotOffered(asked.to_owned())),
    }
}

impl Draft {
    /// Takes over what rows say; what they do not say stays as it was.
    pub fn take_over(&mut self, taken: &[Taken]) {
        for Taken { moid, settings, target, adapters } in taken {
            self.set_own(std::slice::from_ref(moid), settings);
            if let Some(target) = target {
                self.own_targets.insert(moid.clone(), target.clone());
            }
            if !adapters.is_empty() {
                self.adapters.entry(moid.clone()).or_default().extend(adapters.clone());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use hdm_shared::problem::Finding;
    use hdm_shared::wave::{Position, WaveRow};

    use super::super::samples::{offer, vm};
    use super::*;

    fn row(line: u64, vm: &str, said: &str) -> WaveRow {
        let at = Position { line, column: 1 };
        WaveRow { at, vm: vm.into(), said: serde_json::from_str(said).unwrap() }
    }

    fn looked_up(rows: Vec<WaveRow>) -> Reading {
        let mut vms: Vec<VmView> = (1..=6).map(vm).collect();
        vms[4].name = "web-4".into();
        vms[5].findings.push(Finding::blocker("disk-rdm", "web-6", "It has an RDM.", "Convert it."));
        let vms = vms.into_iter().map(|vm| (vm.vm.moid.clone(), Arc::new(vm))).collect();
        let mut draft = Draft::default();
        draft.choose_cloud("cloud".parse().unwrap());
        super::super::choices::choose_target(&mut draft, &offer());
        let wave = Wave { rows, ..Wave::default() };
        look_up(&wave, &vms, &draft, Some(&offer()))
    }

    #[test]
    fn a_vm_is_named_by_name_path_or_id() {
        let rows = ["web-1", "/DC0/vm/web-2", "vm-3", "onprem:vm-4"];
        let rows = rows.into_iter().zip(1..).map(|(name, line)| row(line, name, "{}")).collect();
        let reading = looked_up(rows);
        assert_eq!(reading.wrong, []);
        let moids: Vec<_> = reading.taken.iter().map(|taken| taken.moid.as_str()).collect();
        assert_eq!(moids, ["vm-1", "vm-2", "vm-3", "vm-4"]);
    }

    #[test]
    fn what_cannot_be_carried_out_is_told_by_line() {
        let cases = [
            ("web-9", "{}", Wrong::NoVm("web-9".into())),
            ("other:vm-1", "{}", Wrong::NoVm("other:vm-1".into())),
            ("web-4", "{}", Wrong::Several("web-4".into())),
            ("web-6", "{}", Wrong::Blocked("web-6".into(), "It has an RDM.".into())),
            ("web-1", r#"{"cloud": "other"}"#, Wrong::OtherVcenter("other".into())),
            ("web-1", "{}", Wrong::Twice("web-1".into())),
            ("web-2", r#"{"target": {"host": "esx-1"}}"#, Wrong::OnlyTyped("host")),
            ("web-3", r#"{"target": {"datastore": "ds9"}}"#, Wrong::NotOffered("ds9".into())),
            (
                "vm-4",
                r#"{"target": {"adapters": {"Network adapter 7": "DMZ"}}}"#,
                Wrong::NoAdapter("Network adapter 7".into()),
            ),
        ];
        let rows = cases.iter().zip(1..).map(|((vm, said, _), line)| row(line, vm, said)).collect();
        let reading = looked_up(rows);
        let wrong: Vec<_> = reading.wrong.iter().map(|(_, wrong)| wrong.clone()).collect();
        assert_eq!(wrong, cases.map(|(_, _, wrong)| wrong));
        assert_eq!(reading.taken, []);
    }

    #[test]
    fn what_a_row_says_is_taken_over() {
        let said = r#"{"target": {"datastore": "ds1", "pool": "P1", "networks": {"VM Network": "DMZ", "LAN": "DMZ"}},
                       "options": {"cpus": 4, "rename": "new", "disk_format": "thin"}}"#;
        let reading = looked_up(vec![row(2, "web-1", said), row(3, "web-2", "{}")]);
        assert_eq!(reading.wrong, []);
        let mut draft = Draft::default();
        draft.take_over(&reading.taken);
        let own = &draft.own_settings["vm-1"];
        assert_eq!((own.cpus, own.name.as_deref()), (Some(4), Some("new")));
        let target = &draft.own_targets["vm-1"];
        assert_eq!(
            target.cluster.as_deref(),
            Some("domain-c1"),
            "a row that names a part of it has a whole target"
        );
        assert_eq!(
            (target.datastore.as_deref(), target.pool.as_deref()),
            (Some("datastore-1"), Some("resgroup-1"))
        );
        assert_eq!(draft.adapters["vm-1"], [("Network adapter 1".to_owned(), "network-2".to_owned())].into());
        assert!(!draft.own_settings.contains_key("vm-2") && !draft.own_targets.contains_key("vm-2"));
    }
}
