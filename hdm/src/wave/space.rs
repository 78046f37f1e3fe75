//! What a plan takes of each datastore.

use std::collections::BTreeMap;

use hdm_shared::VcenterId;
use hdm_shared::vm::CloudView;
use serde::Serialize;

use super::Taken;
use crate::client::Client;
use crate::failure::Failure;

/// A datastore that virtual machines of the plan go to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Datastore {
    /// The vCenter it is in.
    pub cloud: VcenterId,
    /// Its name.
    pub name: String,
    /// What is free of it and promised to nobody.
    pub unpromised_bytes: u64,
    /// What the plan takes: the sum of the disks' sizes.
    pub taken_bytes: u64,
    /// What is left after that.
    pub left_bytes: u64,
    /// How many virtual machines of the plan go there.
    pub vms: usize,
}

/// The datastores that are taken from. One that the cloud does not show any more is left out.
pub async fn of(client: &Client, taken: impl Iterator<Item = Taken>) -> Result<Vec<Datastore>, Failure> {
    let mut sums: BTreeMap<(VcenterId, String), (String, u64, usize)> = BTreeMap::new();
    for one in taken {
        let sum = sums.entry((one.cloud, one.datastore)).or_insert_with(|| (one.cluster, 0, 0));
        sum.1 = sum.1.saturating_add(one.bytes);
        sum.2 += 1;
    }
    if sums.is_empty() {
        return Ok(Vec::new());
    }
    let clouds: Vec<CloudView> = client.get("/clouds").await?;
    let mut all = Vec::new();
    for ((cloud, name), (cluster, taken_bytes, vms)) in sums {
        let known = clouds
            .iter()
            .filter(|view| view.vcenter == cloud)
            .flat_map(|view| &view.clusters)
            .filter(|known| known.path == cluster || known.name == cluster)
            .flat_map(|known| &known.datastores)
            .find(|datastore| datastore.name == name);
        if let Some(datastore) = known {
            let unpromised_bytes = datastore.free_bytes.saturating_sub(datastore.reserved_bytes);
            let left_bytes = unpromised_bytes.saturating_sub(taken_bytes);
            all.push(Datastore { cloud, name, unpromised_bytes, taken_bytes, left_bytes, vms });
        }
    }
    Ok(all)
}
