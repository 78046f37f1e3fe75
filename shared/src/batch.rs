//! A request for several migrations, each virtual machine with a target and options of its own.

use serde::{Deserialize, Serialize};

use crate::cloud::ReleasedObjects;
use crate::ids::VcenterId;
use crate::migration::{ColdOptions, ColdRequest, TargetChoice};
use crate::schedule::Schedule;

/// A request for cold migrations that are all accepted or none.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct BatchRequest {
    /// The vCenter the VMs are in; may be left out when only one source is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<VcenterId>,
    /// The vCenter to move to.
    pub cloud: VcenterId,
    /// What of the cloud may be chosen and named, beside what an administrator released: what a user of a vCenter
    /// that is linked with the cloud sees there. Everything if absent; the plugin server sets it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub within: Option<ReleasedObjects>,
    /// When they may begin; at once if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schedule: Option<Schedule>,
    /// The VMs; at most [`MAX_VMS_PER_REQUEST`](crate::migration::MAX_VMS_PER_REQUEST).
    pub items: Vec<BatchItem>,
}

/// One virtual machine of a batch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct BatchItem {
    /// The VM by name, inventory path or id.
    pub vm: String,
    /// Where it goes.
    #[serde(default)]
    pub target: TargetChoice,
    /// How it is moved and what it becomes.
    #[serde(default)]
    pub options: ColdOptions,
}

impl From<ColdRequest> for BatchRequest {
    fn from(request: ColdRequest) -> Self {
        let ColdRequest { source, vms, cloud, target, options, schedule } = request;
        let item = |vm| BatchItem { vm, target: target.clone(), options: options.clone() };
        Self { source, cloud, within: None, schedule, items: vms.into_iter().map(item).collect() }
    }
}
