//! The first page of the plugin's global view.

use serde::{Deserialize, Serialize};

use crate::ids::VcenterId;

/// What the dashboard shows beside the migrations.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Dashboard {
    /// Clusters on-premises that the user may see, by path.
    pub on_premise: Vec<ClusterCard>,
    /// Clusters in the clouds, by path.
    pub off_premise: Vec<ClusterCard>,
    /// What is not as it should be, a sentence each.
    pub troubles: Vec<String>,
}

/// One cluster.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ClusterCard {
    /// The vCenter it is in.
    pub vcenter: VcenterId,
    /// Managed object id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Its inventory path.
    pub path: String,
    /// Number of VMs the user may see.
    pub vms: u32,
    /// Why it is not usable now, as a sentence; absent if it is.
    pub trouble: Option<String>,
}
