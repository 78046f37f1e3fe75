//! From a request to queued migrations, or to every reason why not.
//!
//! Names are looked up and facts are gathered first, which takes calls to both vCenters; then all is judged
//! and queued in one transaction, so that two requests cannot be promised the same space, name or address.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use futures_util::{StreamExt, TryStreamExt};
use hdm_shared::admission::target::FolderFacts;
use hdm_shared::admission::{self, Case, Reservations, SourceVm, TargetFacts};
use hdm_shared::batch::{BatchItem, BatchRequest};
use hdm_shared::migration::{ColdOptions, ColdRequest, MAX_VMS_PER_REQUEST, MacPolicy, Plan, VmPlan};
use hdm_shared::problem::Finding;
use hdm_shared::schedule::Schedule;
use hdm_shared::vcenter::VcenterRole;
use hdm_shared::{MigrationId, ObjectId, VcenterId};
use hdm_vsphere::{InventoryView, MoRef, VmDetails};
use jiff::Timestamp;
use uuid::Uuid;

use super::input::{ColdInput, InputDisk, Named, Place};
use super::memo::ColdMemo;
use super::resolve::{Candidate, Sought, pick};
use super::{Cold, admit, facts, place, released, tell};
use crate::engine::{Milestone, Workflow};
use crate::sites::Site;
use crate::store::{Line, NewWorkflow, Once, Queued, StoreError};

/// How long the inventories may take to be known.
const READY: Duration = Duration::from_secs(30);
/// How many VMs are read at once.
const AT_ONCE: usize = 8;

/// Why a request is not accepted.
#[derive(Debug, thiserror::Error)]
pub enum AcceptError {
    /// The request itself is wrong.
    #[error("{0}")]
    BadRequest(String),
    /// Something stands in the way; the plans say what.
    #[error("Something stands in the way of {} of the virtual machines.", .0.vms.iter().filter(|vm| !vm.admitted()).count())]
    NotAdmitted(Plan),
    /// A vCenter cannot be asked.
    #[error("{vcenter}: {source}")]
    Vcenter {
        /// Which.
        vcenter: String,
        /// Why.
        source: hdm_vsphere::Error,
    },
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What is known of one VM that was asked for.
struct Prepared {
    item: BatchItem,
    found: Option<Found>,
    /// What stands in the way before admission can be asked.
    findings: Vec<Finding>,
}

struct Found {
    details: VmDetails,
    /// Managed object id of the cluster it is in.
    cluster: Option<String>,
    source: SourceVm,
    target: Target,
}

/// Where it goes, as far as that is known.
enum Target {
    /// Every part is.
    Known(Box<Place>, Box<TargetFacts>),
    /// Some parts are not. What can be judged without them is.
    Partly { folder: Option<Named>, names: Option<BTreeSet<String>>, macs_in_use: Vec<String> },
}

impl Found {
    /// The place, if every part of it is known.
    fn place(&self) -> Option<(&Place, &TargetFacts)> {
        match &self.target {
            Target::Known(place, facts) => Some((place, facts)),
            Target::Partly { .. } => None,
        }
    }
}

/// Says what a request would do, and does nothing.
pub async fn plan(cold: &Cold, request: &BatchRequest, now: Timestamp) -> Result<Plan, AcceptError> {
    check_schedule(request.schedule.as_ref(), now)?;
    let (_, _, prepared) = prepare(cold, request).await?;
    let reservations = admit::reservations(cold, None).await?;
    Ok(judge(request, &prepared, reservations))
}

fn check_schedule(schedule: Option<&Schedule>, now: Timestamp) -> Result<(), AcceptError> {
    let checked = schedule.map_or(Ok(()), |schedule| schedule.check(now));
    checked.map_err(|error| AcceptError::BadRequest(error.to_string()))
}

/// A request for the same of several VMs as a batch.
pub fn batch(request: ColdRequest) -> Result<BatchRequest, AcceptError> {
    if request.options.rename.is_some() && request.vms.len() > 1 {
        return Err(AcceptError::BadRequest(
            "A new name was given for several virtual machines; name one only, or leave the new name out."
                .into(),
        ));
    }
    Ok(request.into())
}

/// Queues a migration for each VM asked for, or none. Under a key, `once`, it is done once.
pub async fn accept(
    cold: &Cold,
    request: &BatchRequest,
    user: &str,
    once: Option<&Once>,
    now: Timestamp,
) -> Result<Queued, AcceptError> {
    let schedule = request.schedule.as_ref().filter(|schedule| !schedule.is_empty());
    check_schedule(schedule, now)?;
    let (from, to, prepared) = prepare(cold, request).await?;
    let taken = admit::taken(cold, &cold.store.open_workflows().await?).await;
    cold.store
        .queue_once(once, now, |open| {
            let plan = judge(request, &prepared, admit::of_records(open, None, &taken));
            if plan.vms.iter().any(|vm| !vm.admitted()) {
                return Err(AcceptError::NotAdmitted(plan));
            }
            let mut queued = Vec::new();
            for (prepared, plan) in prepared.iter().zip(plan.vms) {
                let input = input(&from, &to, prepared, plan.findings, user, schedule);
                let input = input
                    .ok_or_else(|| AcceptError::BadRequest("A virtual machine is incomplete.".into()))?;
                queued.push(new_workflow(input, schedule)?);
            }
            Ok(queued)
        })
        .await
}

fn new_workflow(input: ColdInput, schedule: Option<&Schedule>) -> Result<NewWorkflow, StoreError> {
    let when = if schedule.is_some() { " It waits for its window." } else { "" };
    let line = Line {
        kind: "accepted",
        step: None,
        message: format!("Accepted: '{}' goes to {}.{when}", input.vm_path, input.cloud),
        event: Some(tell::event(&input, &Milestone::Accepted)),
    };
    Ok(NewWorkflow {
        id: MigrationId(Uuid::now_v7()),
        kind: Cold::KIND,
        // By id: two clusters of one name have a turn each.
        queue_line: format!("{}/{}", input.source.vcenter, input.source_cluster.object.id),
        input: serde_json::to_string(&input)?,
        memo: serde_json::to_string(&ColdMemo::default())?,
        schedule: schedule.cloned(),
        first_line: line,
    })
}

async fn prepare(cold: &Cold, request: &BatchRequest) -> Result<(Site, Site, Vec<Prepared>), AcceptError> {
    let bad = |text: String| Err(AcceptError::BadRequest(text));
    if request.items.is_empty() {
        return bad("The request names no virtual machine.".into());
    }
    if request.items.len() > MAX_VMS_PER_REQUEST {
        return bad(format!(
            "The request names {} virtual machines; at most {MAX_VMS_PER_REQUEST} are possible.",
            request.items.len()
        ));
    }
    let from = source_site(cold, request)?;
    let to = cloud_site(cold, request)?;
    for site in [&from, &to] {
        let ready = site.inventory.ready(Instant::now() + READY).await;
        ready.map_err(|source| AcceptError::Vcenter { vcenter: site.id.to_string(), source })?;
    }
    let view = from.inventory.snapshot();
    let candidates: Vec<Candidate<'_>> =
        view.vms.values().map(|vm| Candidate { object: &vm.vm, name: &vm.name, path: &vm.path }).collect();
    let sought = Sought { code: "vm", what: "virtual machine", place: from.id.as_str() };
    let picked: Vec<(BatchItem, Result<MoRef, Finding>)> = request
        .items
        .iter()
        .map(|item| (item.clone(), pick(sought, &item.vm, &candidates).map(|c| c.object.clone())))
        .collect();
    let cloud = to.inventory.snapshot();
    let mut offered = released::part(&cloud, &cold.store.released(&to.id).await?);
    if let Some(within) = &request.within {
        offered = released::part(&offered, within);
    }
    let sight = Sight { from: &from, to: &to, source: &view, cloud: &cloud, offered: &offered };
    let mut prepared: Vec<Prepared> = futures_util::stream::iter(picked)
        .map(|(item, picked)| look_up(sight, item, picked))
        .buffered(AT_ONCE)
        .try_collect()
        .await?;
    look_beside(&from, &mut prepared).await;
    Ok((from, to, twice(prepared)))
}

/// Adds what hangs on the VMs and stays behind, for the warnings before the start.
async fn look_beside(from: &Site, prepared: &mut [Prepared]) {
    let found = prepared.iter().filter_map(|one| one.found.as_ref());
    let vms: Vec<(MoRef, Vec<i32>)> =
        found.map(|f| (f.details.vm.clone(), f.details.disks.iter().map(|d| d.key).collect())).collect();
    let attached = from.session.attached(&vms).await;
    for found in prepared.iter_mut().filter_map(|one| one.found.as_mut()) {
        if let Some(attached) = attached.get(&found.details.vm).cloned() {
            found.source.tags = attached.tags;
            found.source.permissions = attached.permissions;
            found.source.storage_policies = attached.storage_policies;
        }
    }
}

/// A VM named twice would be moved twice.
fn twice(mut prepared: Vec<Prepared>) -> Vec<Prepared> {
    let mut seen = BTreeSet::new();
    for one in &mut prepared {
        if let Some(found) = &one.found
            && !seen.insert(found.details.vm.clone())
        {
            one.findings.push(Finding::blocker(
                "named-twice",
                &found.details.name,
                format!("'{}' names a virtual machine that the request names before.", one.item.vm),
                "Name it once.",
            ));
        }
    }
    prepared
}

/// Both vCenters as a request sees them.
#[derive(Clone, Copy)]
struct Sight<'a> {
    from: &'a Site,
    to: &'a Site,
    source: &'a InventoryView,
    cloud: &'a InventoryView,
    /// What of the cloud may be chosen and named.
    offered: &'a InventoryView,
}

async fn look_up(
    sight: Sight<'_>,
    item: BatchItem,
    picked: Result<MoRef, Finding>,
) -> Result<Prepared, AcceptError> {
    let Sight { from, to, source: view, cloud, offered } = sight;
    let object = match picked {
        Ok(object) => object,
        Err(finding) => return Ok(Prepared { item, found: None, findings: vec![finding] }),
    };
    let fail = |source| AcceptError::Vcenter { vcenter: from.id.to_string(), source };
    let mut details = from.session.vm(&object).await.map_err(fail)?;
    if let Some(known) = view.vms.get(&object) {
        details.path.clone_from(&known.path);
    }
    let target_name = item.options.rename.clone().unwrap_or_else(|| details.name.clone());
    let source = admit::source_facts(from, &details, &target_name).await.map_err(fail)?;
    let nics: Vec<(String, String)> =
        details.nics.iter().map(|nic| (nic.label.clone(), facts::network_name(view, nic))).collect();
    let resolved = place::resolve(offered, to.id.as_str(), &item.target, &nics);
    let mut findings = resolved.findings;
    released::explain(cloud, to.id.as_str(), &mut findings);
    let target = match resolved.place {
        Some(place) => {
            let facts = admit::target_facts(to, &place, &source);
            Target::Known(Box::new(place), Box::new(facts))
        }
        None => Target::Partly {
            macs_in_use: facts::macs_in_use(&to.id, cloud, &source.nics),
            names: resolved
                .folder
                .as_ref()
                .map(|folder| cloud.vms_in(&folder.object).map(|vm| vm.name.clone()).collect()),
            folder: resolved.folder,
        },
    };
    let cluster = view.vms.get(&object).and_then(|vm| vm.cluster.as_ref()).map(|cluster| cluster.id.clone());
    Ok(Prepared { item, found: Some(Found { details, cluster, source, target }), findings })
}

/// Judges all VMs, each after those before it have got what they need.
fn judge(request: &BatchRequest, prepared: &[Prepared], mut reservations: Reservations) -> Plan {
    let mut vms = Vec::new();
    for one in prepared {
        let mut findings = one.findings.clone();
        if let Some(found) = &one.found {
            let options = &one.item.options;
            match &found.target {
                Target::Known(_, target) => {
                    findings.extend(admission::admit(Case {
                        vm: &found.source,
                        target,
                        options,
                        reservations: &reservations,
                    }));
                    reservations.add(promise(request, &one.item, found, target));
                }
                Target::Partly { folder, names, macs_in_use } => {
                    let place = (folder.as_ref(), names.as_ref(), macs_in_use.as_slice());
                    let cloud = &request.cloud;
                    findings.extend(judge_without_target(
                        cloud,
                        options,
                        &found.source,
                        place,
                        &reservations,
                    ));
                }
            }
        }
        vms.push(show(one, findings));
    }
    Plan { vms }
}

/// All that can be said although the place is not known in all its parts.
fn judge_without_target(
    cloud: &VcenterId,
    options: &ColdOptions,
    vm: &SourceVm,
    (folder, names, macs_in_use): (Option<&Named>, Option<&BTreeSet<String>>, &[String]),
    reservations: &Reservations,
) -> Vec<Finding> {
    let mut findings = admission::admit_without_target(vm, options, reservations);
    if let (Some(folder), Some(names)) = (folder, names) {
        let facts = FolderFacts { id: &folder.object.id, path: &folder.name, names };
        findings.extend(admission::target::check_name(vm, cloud, facts, reservations));
    }
    if options.mac == MacPolicy::Keep {
        findings.extend(admission::network::check_macs(vm, cloud, macs_in_use, reservations));
    }
    findings.sort_by_key(|finding| !finding.blocks());
    findings
}

/// What a VM of this request takes from those after it. Its id is nobody's: nothing is promised yet.
fn promise(
    request: &BatchRequest,
    item: &BatchItem,
    found: &Found,
    target: &TargetFacts,
) -> admission::Reservation {
    let keeps = item.options.mac == MacPolicy::Keep;
    admission::Reservation {
        migration: MigrationId(Uuid::nil()),
        vm: found.source.id.clone(),
        cloud: request.cloud.clone(),
        datastore: target.datastore.id.clone(),
        bytes: found.details.disks.iter().fold(0, |sum, d| sum.saturating_add(d.capacity_bytes)),
        folder: target.folder_id.clone(),
        name: found.source.target_name.clone(),
        macs: found.source.nics.iter().filter(|_| keeps).map(|nic| nic.mac.clone()).collect(),
    }
}

fn show(one: &Prepared, findings: Vec<Finding>) -> VmPlan {
    let mut target = BTreeMap::new();
    if let Some((place, _)) = one.found.as_ref().and_then(Found::place) {
        target.insert("cluster".to_owned(), place.cluster.name.clone());
        target.insert(
            "host".to_owned(),
            place.host.as_ref().map_or("chosen by HDM".to_owned(), |h| h.name.clone()),
        );
        target.insert("pool".to_owned(), place.pool.name.clone());
        target.insert("datastore".to_owned(), place.datastore.name.clone());
        target.insert("folder".to_owned(), place.folder.name.clone());
        for (from, to) in &place.networks {
            target.insert(format!("network {from}"), to.name.clone());
        }
        for (label, to) in &place.adapters {
            target.insert(format!("adapter {label}"), to.name.clone());
        }
    }
    let found = one.found.as_ref();
    VmPlan {
        asked: one.item.vm.clone(),
        vm: found.map(|f| f.source.id.clone()),
        path: found.map(|f| f.details.path.clone()),
        target_name: found.map(|f| f.source.target_name.clone()),
        target,
        capacity_bytes: found
            .map_or(0, |f| f.details.disks.iter().fold(0, |sum, d| sum.saturating_add(d.capacity_bytes))),
        source_cluster_id: found.and_then(|f| f.cluster.clone()),
        findings,
    }
}

fn input(
    from: &Site,
    to: &Site,
    prepared: &Prepared,
    warnings: Vec<Finding>,
    user: &str,
    schedule: Option<&Schedule>,
) -> Option<ColdInput> {
    let found = prepared.found.as_ref()?;
    let (place, _) = found.place()?;
    let details = &found.details;
    let view = from.inventory.snapshot();
    let cluster = view.vms.get(&details.vm).and_then(|vm| vm.cluster.clone());
    let cluster = cluster.and_then(|c| view.clusters.get(&c));
    let source_cluster = match cluster {
        Some(cluster) => Named { object: cluster.cluster.clone(), name: cluster.name.clone() },
        // A VM on no known cluster queues with its like.
        None => Named { object: MoRef::new("ComputeResource", ""), name: String::new() },
    };
    Some(ColdInput {
        source: ObjectId { vcenter: from.id.clone(), moid: details.vm.id.clone() },
        instance_uuid: details.instance_uuid.clone(),
        vm_name: details.name.clone(),
        vm_path: details.path.clone(),
        source_cluster,
        cloud: to.id.clone(),
        target_name: found.source.target_name.clone(),
        place: place.clone(),
        options: prepared.item.options.clone(),
        disks: details
            .disks
            .iter()
            .map(|d| InputDisk { label: d.label.clone(), capacity_bytes: d.capacity_bytes })
            .collect(),
        macs: details.nics.iter().map(|nic| nic.mac.clone()).collect(),
        warnings,
        requested_by: user.to_owned(),
        request: ColdRequest {
            source: Some(from.id.clone()),
            vms: vec![details.vm.id.clone()],
            cloud: to.id.clone(),
            target: prepared.item.target.clone(),
            options: prepared.item.options.clone(),
            schedule: schedule.cloned(),
        },
    })
}

fn source_site(cold: &Cold, request: &BatchRequest) -> Result<Site, AcceptError> {
    let sources = cold.sites.of_role(VcenterRole::Source);
    let names = names(&sources);
    match &request.source {
        Some(id) => sources.into_iter().find(|site| site.id == *id).ok_or_else(|| {
            AcceptError::BadRequest(format!(
                "There is no source vCenter '{id}'. {names} `hdm vcenter add` adds one."
            ))
        }),
        None if sources.len() == 1 => {
            sources.into_iter().next().ok_or_else(|| AcceptError::BadRequest(names))
        }
        None if sources.is_empty() => Err(AcceptError::BadRequest(
            "No source vCenter is known yet. `hdm vcenter add NAME --role source …` adds one.".into(),
        )),
        None => Err(AcceptError::BadRequest(format!("Name the source vCenter with --source. {names}"))),
    }
}

fn cloud_site(cold: &Cold, request: &BatchRequest) -> Result<Site, AcceptError> {
    let clouds = cold.sites.of_role(VcenterRole::Cloud);
    let names = names(&clouds);
    clouds.into_iter().find(|site| site.id == request.cloud).ok_or_else(|| {
        let id = &request.cloud;
        AcceptError::BadRequest(format!(
            "There is no cloud vCenter '{id}'. {names} `hdm vcenter add` adds one."
        ))
    })
}

fn names(sites: &[Site]) -> String {
    let names: Vec<_> = sites.iter().map(|site| site.id.as_str()).collect();
    if names.is_empty() { "None is known.".into() } else { format!("Known: {}.", names.join(", ")) }
}

/// Judges what is asked for before inventories at hand: a VM with an adapter, whatever its name is said to be, and a cloud
/// with two of everything. What is admitted is what a vCenter can take.
#[cfg(any(test, feature = "testing"))]
pub(crate) fn fuzz_plan(request: &BatchRequest) {
    use hdm_shared::admission::{PowerState, SourceNic, options};

    let cloud = super::testing::cloud();
    let within = request.within.clone().unwrap_or_default();
    let offered = released::part(&cloud, &within);
    let Ok(source) = "onprem".parse() else { return };
    let prepare = |item: &BatchItem| {
        let summary = hdm_vsphere::VmSummary { name: "web-01".into(), ..Default::default() };
        let mut vm = facts::listed(&source, &summary, &InventoryView::default());
        vm.target_name = item.options.rename.clone().unwrap_or_else(|| vm.name.clone());
        vm.nics =
            vec![SourceNic { label: "n".into(), mac: "00:50:56:01:02:03".into(), network: "LAN".into() }];
        vm.power = PowerState::On;
        let nics: Vec<_> = vm.nics.iter().map(|nic| (nic.label.clone(), nic.network.clone())).collect();
        let resolved = place::resolve(&offered, "cloud", &item.target, &nics);
        let mut findings = resolved.findings;
        released::explain(&cloud, "cloud", &mut findings);
        let target = match resolved.place {
            Some(place) => {
                let facts = facts::target(&request.cloud, &place, &cloud, &vm.nics);
                Target::Known(Box::new(place), Box::new(facts))
            }
            None => Target::Partly { folder: resolved.folder, names: None, macs_in_use: Vec::new() },
        };
        let found = Found { details: VmDetails::default(), cluster: None, source: vm, target };
        Prepared { item: item.clone(), found: Some(found), findings }
    };
    let prepared: Vec<_> = request.items.iter().map(prepare).collect();
    let plan = judge(request, &prepared, Reservations::default());
    for (one, vm) in prepared.iter().zip(&plan.vms).filter(|(_, vm)| vm.admitted()) {
        let asked = &one.item.options;
        assert!(one.found.as_ref().is_some_and(|found| found.place().is_some()), "{asked:?}");
        assert!(asked.cpus.is_none_or(|cpus| (1..=options::MAX_CPUS).contains(&cpus)), "{asked:?}");
        assert!(asked.memory_mib.is_none_or(|mib| (4..=options::MAX_MEMORY_MIB).contains(&mib)), "{asked:?}");
        let name = vm.target_name.as_deref().unwrap_or_default();
        assert!(!name.trim().is_empty() && !name.chars().any(char::is_control), "{asked:?}");
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use hdm_shared::admission::{PowerState, SourceNic};
    use hdm_shared::migration::ShutdownMode;

    use super::super::testing::input;
    use super::*;

    #[test]
    fn an_unknown_part_of_the_place_hides_nothing_else() {
        let options = ColdOptions { cpus: Some(0), shutdown: ShutdownMode::Refuse, ..ColdOptions::default() };
        let nic = SourceNic { label: "n".into(), mac: "00:50:56:01:02:03".into(), network: "LAN".into() };
        let mut vm = facts::listed(
            &"onprem".to_owned().try_into().unwrap(),
            &hdm_vsphere::VmSummary { name: "web-01".into(), ..Default::default() },
            &InventoryView::default(),
        );
        (vm.power, vm.nics, vm.snapshots) = (PowerState::On, vec![nic], vec!["before".into()]);
        let folder = Named { object: MoRef::new("Folder", "group-v1"), name: "/DC0/vm".into() };
        let names = ["web-01".to_owned()].into();
        let used = ["00:50:56:01:02:03".to_owned()];
        let place = (Some(&folder), Some(&names), &used[..]);

        let found = judge_without_target(&input().cloud, &options, &vm, place, &Reservations::default());

        let codes: Vec<&str> = found.iter().map(|f| f.code.as_str()).collect();
        for code in ["cpus-out-of-range", "powered-on", "name-taken", "mac-in-use", "snapshots-not-carried"] {
            assert!(codes.contains(&code), "{code} is missing from {codes:?}");
        }
        assert!(found.windows(2).all(|w| w[0].blocks() || !w[1].blocks()), "blockers come first: {codes:?}");
    }
}
