//! The whole plan against the appliance, before anything is started.

use std::collections::{BTreeMap, BTreeSet};

use hdm_shared::VcenterId;
use hdm_shared::batch::BatchRequest;
use hdm_shared::migration::{MAX_VMS_PER_REQUEST, Plan, VmPlan};
use hdm_shared::problem::Finding;
use hdm_shared::schedule::Schedule;

use super::{Row, Taken, in_line, space};
use crate::client::Client;
use crate::failure::Failure;

/// How often the plan is looked at anew after rows were taken out of it.
const ROUNDS: u32 = 5;

/// A row with what the appliance says of it.
#[derive(Clone, Debug)]
pub struct Judged {
    /// The row.
    pub row: Row,
    /// What it says.
    pub plan: VmPlan,
}

impl Judged {
    /// The finding that says that the virtual machine has been moved, or is on its way.
    pub fn seen(&self) -> Option<&Finding> {
        // A row that repeats another is a mistake whatever became of the other.
        if self.plan.findings.iter().any(|finding| finding.code == "named-twice") {
            return None;
        }
        self.plan.findings.iter().find(|f| matches!(f.code.as_str(), "moved-already" | "already-moving"))
    }

    fn taken(&self) -> Option<Taken> {
        let part = |name: &str| self.plan.target.get(name).cloned();
        Some(Taken {
            line: self.row.line,
            vm: self.plan.vm.clone(),
            cloud: self.row.cloud.clone(),
            cluster: part("cluster")?,
            datastore: part("datastore")?,
            folder: part("folder")?,
            name: self.plan.target_name.clone()?,
            bytes: self.plan.capacity_bytes,
        })
    }
}

/// A plan that was looked at.
#[derive(Debug, Default)]
pub struct Checked {
    /// What is to be started, request by request: each is accepted whole or not at all.
    pub requests: Vec<Vec<Judged>>,
    /// What has been moved already, or is on its way.
    pub seen: Vec<Judged>,
    /// What stands in the way of some.
    pub blocked: Vec<Judged>,
    /// What is taken of each datastore by what is to be started.
    pub datastores: Vec<space::Datastore>,
}

impl Checked {
    /// Everything that is to be started.
    pub fn to_start(&self) -> impl Iterator<Item = &Judged> {
        self.requests.iter().flatten()
    }
}

/// Looks at all rows. Those that block are taken out, and with `without_blocked` the rest is looked at without
/// them: what they would have taken is free then.
pub async fn check(
    client: &Client,
    rows: &[Row],
    schedule: Option<&Schedule>,
    without_blocked: bool,
) -> Result<Checked, Failure> {
    let mut left: Vec<Row> = rows.to_vec();
    let mut checked = Checked::default();
    for _ in 0..ROUNDS {
        let mut requests = Vec::new();
        for request in divide(&left, MAX_VMS_PER_REQUEST) {
            requests.push(ask(client, request, schedule).await?);
        }
        let (mut seen, rest): (Vec<_>, Vec<_>) =
            requests.iter().flatten().cloned().partition(|judged| judged.seen().is_some());
        checked.seen.append(&mut seen);
        if rest.len() < left.len() {
            left = rest.into_iter().map(|judged| judged.row).collect();
            continue;
        }
        checked.datastores = space::of(client, requests.iter().flatten().filter_map(Judged::taken)).await?;
        across(&mut requests, &checked.datastores);
        let (mut blocked, fine): (Vec<_>, Vec<_>) =
            requests.iter().flatten().cloned().partition(|judged| !judged.plan.admitted());
        if !blocked.is_empty() && without_blocked {
            checked.blocked.append(&mut blocked);
            left = fine.into_iter().map(|judged| judged.row).collect();
            continue;
        }
        checked.blocked.append(&mut blocked);
        checked.requests = requests;
        for request in &mut checked.requests {
            request.retain(|judged| judged.plan.admitted());
        }
        checked.requests.retain(|request| !request.is_empty());
        checked.seen.sort_by_key(|judged| judged.row.line);
        checked.blocked.sort_by_key(|judged| judged.row.line);
        return Ok(checked);
    }
    Err(Failure::Other(
        "The plan changes each time it is looked at, and nothing was started. Try again when less is going on."
            .into(),
    ))
}

/// Divides rows into requests: each has one source and one cloud, and no more rows than a request may have.
pub fn divide(rows: &[Row], most: usize) -> Vec<Vec<Row>> {
    let mut order: Vec<(Option<VcenterId>, VcenterId)> = Vec::new();
    let mut groups: BTreeMap<(Option<VcenterId>, VcenterId), Vec<Row>> = BTreeMap::new();
    for row in rows {
        let way = (row.source.clone(), row.cloud.clone());
        if !order.contains(&way) {
            order.push(way.clone());
        }
        groups.entry(way).or_default().push(row.clone());
    }
    let groups = order.iter().filter_map(|way| groups.get(way));
    groups.flat_map(|group| group.chunks(most)).map(<[Row]>::to_vec).collect()
}

/// A request for rows of one source and one cloud.
pub fn request(rows: &[Row], schedule: Option<&Schedule>) -> Option<BatchRequest> {
    let first = rows.first()?;
    Some(BatchRequest {
        source: first.source.clone(),
        cloud: first.cloud.clone(),
        within: None,
        schedule: schedule.cloned(),
        items: rows.iter().map(|row| row.item.clone()).collect(),
    })
}

/// What the appliance says of a request's rows.
pub async fn ask(
    client: &Client,
    rows: Vec<Row>,
    schedule: Option<&Schedule>,
) -> Result<Vec<Judged>, Failure> {
    let Some(request) = request(&rows, schedule) else { return Ok(Vec::new()) };
    let plan: Plan = client.post("/batches/plan", &request).await?;
    if plan.vms.len() != rows.len() {
        return Err(Failure::Other("The appliance's answer does not fit the plan.".into()));
    }
    Ok(rows.into_iter().zip(plan.vms).map(|(row, plan)| Judged { row, plan }).collect())
}

/// What the appliance cannot see, because it is asked request by request: what one takes from another.
pub(super) fn across(requests: &mut [Vec<Judged>], datastores: &[space::Datastore]) {
    let mut vms = BTreeMap::new();
    let mut names = BTreeMap::new();
    let mut left: BTreeMap<(VcenterId, String), i128> = datastores
        .iter()
        .map(|d| ((d.cloud.clone(), d.name.clone()), i128::from(d.unpromised_bytes)))
        .collect();
    for (number, request) in requests.iter_mut().enumerate() {
        let mut short = BTreeSet::new();
        for judged in request {
            let Some(taken) = judged.taken() else { continue };
            let mut found = Vec::new();
            if let Some(vm) = &taken.vm
                && let Some((before, line)) = vms.insert(vm.clone(), (number, taken.line))
                && before != number
            {
                found.push((
                    "named-twice",
                    format!("The row names the virtual machine of line {line} again."),
                    "Name it once.",
                ));
            }
            let place = (taken.cloud.clone(), taken.folder.clone(), taken.name.to_lowercase());
            if let Some((before, line)) = names.insert(place, (number, taken.line))
                && before != number
            {
                let what = format!("The name '{}' is that of line {line}, in the same folder.", taken.name);
                found.push(("name-reserved", what, "Give one of them another name."));
            }
            let datastore = (taken.cloud.clone(), taken.datastore.clone());
            if let Some(room) = left.get_mut(&datastore) {
                *room -= i128::from(taken.bytes);
                // Within the first request the appliance has looked itself.
                if *room < 0 && number > 0 && short.insert(datastore) {
                    let what = format!(
                        "Datastore '{}' has no room for this row after those before it.",
                        taken.datastore
                    );
                    found.push(("space-short", what, "Free some, or take another datastore from here on."));
                }
            }
            let object = judged.plan.target_name.clone().unwrap_or_default();
            for (code, what, remedy) in found {
                judged.plan.findings.push(Finding::blocker(code, &object, what, remedy));
            }
        }
    }
}

/// Everything that stands in the way, each with its line.
pub fn obstacles(blocked: &[Judged]) -> Vec<Finding> {
    let mut all = Vec::new();
    for judged in blocked {
        for finding in judged.plan.findings.iter().filter(|finding| finding.blocks()) {
            all.push(Finding { object: in_line(judged.row.line, &judged.row.item.vm), ..finding.clone() });
        }
    }
    all
}
