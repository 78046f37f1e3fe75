//! What hangs on a VM without being part of it, and stays behind when the VM moves.
//!
//! Tags are known to the REST API only, storage policies to a SOAP service of their own, and our user may lack
//! the privilege for either. So each is asked separately, and what cannot be known is absent.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::{FutureExt, StreamExt};
use reqwest::Method;
use serde_json::json;

use crate::MoRef;
use crate::error::Error;
use crate::session::{RestSession, Session};

/// What hangs on a VM; each is absent if it could not be found out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Attached {
    /// Tags as `Category/Tag`.
    pub tags: Option<Vec<String>>,
    /// Who has a role on the VM itself.
    pub permissions: Option<Vec<String>>,
    /// Storage policies of its home and its disks.
    pub storage_policies: Option<Vec<String>>,
}

/// Names by VM.
type Names = BTreeMap<MoRef, BTreeSet<String>>;

/// How many VMs one question is about.
const BATCH: usize = 100;
/// How many permissions are asked for at once.
const AT_ONCE: usize = 8;
/// How many different tags are looked up by name; more are shown by their ids.
const MAX_TAGS: usize = 200;

const ASSOCIATION: &str = "/rest/com/vmware/cis/tagging/tag-association";
const TAG: &str = "/rest/com/vmware/cis/tagging/tag";
const CATEGORY: &str = "/rest/com/vmware/cis/tagging/category";

impl Session {
    /// What hangs on these VMs, given with the keys of their disks. Never fails: what cannot be known is
    /// absent, and why is logged.
    pub async fn attached(&self, vms: &[(MoRef, Vec<i32>)]) -> BTreeMap<MoRef, Attached> {
        if vms.is_empty() {
            return BTreeMap::new();
        }
        let (tags, permissions, policies) =
            tokio::join!(self.tags(vms), self.permissions(vms), self.storage_policies(vms));
        let (tags, permissions, policies) = (
            self.known("tags", tags),
            self.known("permissions", permissions),
            self.known("storage policies", policies),
        );
        let of = |names: &Option<Names>, vm: &MoRef| {
            names.as_ref().map(|n| n.get(vm).into_iter().flatten().cloned().collect())
        };
        vms.iter()
            .map(|(vm, _)| {
                let attached = Attached {
                    tags: of(&tags, vm),
                    permissions: of(&permissions, vm),
                    storage_policies: of(&policies, vm),
                };
                (vm.clone(), attached)
            })
            .collect()
    }

    fn known(&self, what: &str, found: Result<Names, Error>) -> Option<Names> {
        found.inspect_err(|error| tracing::info!(vcenter = self.name(), what, %error, "cannot be known")).ok()
    }

    async fn tags(&self, vms: &[(MoRef, Vec<i32>)]) -> Result<Names, Error> {
        let rest = self.rest_login().await?;
        let found = tags(&rest, vms).await;
        rest.close().await;
        found
    }

    async fn permissions(&self, vms: &[(MoRef, Vec<i32>)]) -> Result<Names, Error> {
        let Some(manager) = &self.content().await?.authorization_manager else {
            return Err(Self::protocol("permissions", "there is no AuthorizationManager"));
        };
        let mut asked = Vec::new();
        for (vm, _) in vms {
            asked.push(self.holders(manager, vm).boxed());
        }
        let mut asked = futures_util::stream::iter(asked).buffer_unordered(AT_ONCE);
        let mut found = Names::new();
        while let Some(one) = asked.next().await {
            found.extend([one?]);
        }
        Ok(found)
    }

    /// Who has a role on this VM itself.
    async fn holders(&self, manager: &MoRef, vm: &MoRef) -> Result<(MoRef, BTreeSet<String>), Error> {
        let own = self.call("RetrieveEntityPermissions", manager, |w| {
            w.moref("entity", vm);
            w.value("inherited", false);
        });
        let own = own.await?;
        let who = own.all("returnval").map(|permission| permission.string("principal")).collect();
        Ok((vm.clone(), who))
    }

    async fn storage_policies(&self, vms: &[(MoRef, Vec<i32>)]) -> Result<Names, Error> {
        let service = MoRef::new("PbmServiceInstance", "ServiceInstance");
        let content = self.storage_call("PbmRetrieveServiceContent", &service, |_| {}).await?;
        let manager = content
            .moref_at("returnval.profileManager")
            .ok_or_else(|| Self::protocol("PbmRetrieveServiceContent", "there is no profileManager"))?;
        let mut ids = Names::new();
        for batch in vms.chunks(BATCH) {
            let operation = "PbmQueryAssociatedProfiles";
            let answer = self
                .storage_call(operation, &manager, |w| {
                    for (vm, disks) in batch {
                        w.element("entities", |w| {
                            w.value("objectType", "virtualMachine");
                            w.value("key", &vm.id);
                        });
                        for disk in disks {
                            w.element("entities", |w| {
                                w.value("objectType", "virtualDiskId");
                                w.value("key", format!("{}:{disk}", vm.id));
                            });
                        }
                    }
                })
                .await?;
            for result in answer.all("returnval") {
                let key = result.string("object.key");
                let id = key.split(':').next().unwrap_or_default();
                let policies = result.all("profileId").map(|policy| policy.string("uniqueId"));
                ids.entry(MoRef::new("VirtualMachine", id)).or_default().extend(policies);
            }
        }
        let all: BTreeSet<&String> = ids.values().flatten().collect();
        if all.is_empty() {
            return Ok(ids);
        }
        let answer = self
            .storage_call("PbmRetrieveContent", &manager, |w| {
                for id in &all {
                    w.element("profileIds", |w| w.value("uniqueId", id));
                }
            })
            .await?;
        let names: BTreeMap<String, String> = answer
            .all("returnval")
            .map(|policy| (policy.string("profileId.uniqueId"), policy.string("name")))
            .collect();
        Ok(named(&ids, &names))
    }
}

async fn tags(rest: &RestSession<'_>, vms: &[(MoRef, Vec<i32>)]) -> Result<Names, Error> {
    let mut ids = Names::new();
    for batch in vms.chunks(BATCH) {
        let objects: Vec<_> = batch.iter().map(|(vm, _)| json!({"id": vm.id, "type": vm.kind})).collect();
        let asked = json!({"object_ids": objects});
        let path = format!("{ASSOCIATION}?~action=list-attached-tags-on-objects");
        let answer = rest.call(Method::POST, &path, Some(&asked)).await?;
        for one in answer.as_array().into_iter().flatten() {
            let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
            let vm = MoRef::new(text(&one["object_id"]["type"]), text(&one["object_id"]["id"]));
            let tags = one["tag_ids"].as_array().into_iter().flatten().map(text);
            ids.entry(vm).or_default().extend(tags);
        }
    }
    let all: BTreeSet<&String> = ids.values().flatten().collect();
    let (mut names, mut categories) = (BTreeMap::new(), BTreeMap::new());
    for id in all.into_iter().take(MAX_TAGS) {
        let tag = rest.call(Method::GET, &format!("{TAG}/id:{id}"), None).await?;
        let category = tag["category_id"].as_str().unwrap_or_default().to_owned();
        if !categories.contains_key(&category) {
            let found = rest.call(Method::GET, &format!("{CATEGORY}/id:{category}"), None).await?;
            categories.insert(category.clone(), found["name"].as_str().unwrap_or_default().to_owned());
        }
        let name = tag["name"].as_str().unwrap_or_default();
        names.insert(id.clone(), format!("{}/{name}", categories[&category]));
    }
    Ok(named(&ids, &names))
}

/// Names in place of ids, as far as they are known.
fn named(ids: &Names, names: &BTreeMap<String, String>) -> Names {
    let name = |id: &String| names.get(id).unwrap_or(id).clone();
    ids.iter().map(|(vm, ids)| (vm.clone(), ids.iter().map(name).collect())).collect()
}
