//! What our user may do, object by object.

use std::collections::BTreeMap;

use crate::MoRef;
use crate::error::Error;
use crate::session::Session;

impl Session {
    /// The privileges, of those asked about, that our user holds on each object.
    ///
    /// vCenter refuses the whole question if one of the objects is gone (`ManagedObjectNotFound`), if our
    /// user does not see it (`NoPermission`), or if it does not know one of the privileges
    /// (`InvalidArgument`).
    pub async fn held_privileges(
        &self,
        objects: &[MoRef],
        privileges: &[&str],
    ) -> Result<Vec<(MoRef, Vec<String>)>, Error> {
        if objects.is_empty() {
            return Ok(Vec::new());
        }
        let operation = "HasPrivilegeOnEntities";
        let manager = self.content().await?.authorization_manager.clone();
        let manager = manager.ok_or_else(|| Self::protocol(operation, "there is no such service"))?;
        let key = self.login().await?;
        let answer = self
            .call(operation, &manager, |w| {
                for object in objects {
                    w.moref("entity", object);
                }
                w.value("sessionId", &key);
                for privilege in privileges {
                    w.value("privId", privilege);
                }
            })
            .await?;
        let of_one = |node: &crate::wire::Node| {
            let granted = node.all("privAvailability").filter(|privilege| privilege.flag("isGranted"));
            Some((node.moref_at("entity")?, granted.map(|privilege| privilege.string("privId")).collect()))
        };
        Ok(answer.all("returnval").filter_map(of_one).collect())
    }

    /// Which of these objects our user may read the name of. A hidden one comes with `false`; what is gone is left
    /// out. One question for each type, however many are hidden.
    pub async fn readable(&self, objects: &[MoRef]) -> Result<Vec<(MoRef, bool)>, Error> {
        let mut by_kind: BTreeMap<&str, Vec<MoRef>> = BTreeMap::new();
        for object in objects {
            by_kind.entry(&object.kind).or_default().push(object.clone());
        }
        let mut found = Vec::with_capacity(objects.len());
        for (kind, objects) in by_kind {
            let read = match self.read_many(kind, &objects, &["name"]).await {
                // All of them are gone.
                Err(error) if error.is_gone() => continue,
                read => read?,
            };
            found.extend(read.into_iter().map(|(object, bag)| (object, bag.contains_key("name"))));
        }
        Ok(found)
    }

    /// The folder above everything.
    pub async fn root_folder(&self) -> Result<MoRef, Error> {
        Ok(self.content().await?.root_folder.clone())
    }
}
