//! What is known of the user's sessions, one with each vCenter.

use hdm_shared::plugin::{Privilege, SessionGrant};

use crate::api::Guid;

/// What is known of the sessions.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Rights {
    /// The vCenters that a session is known of, by their UUIDs.
    vcenters: Vec<Vcenter>,
    /// Whether the server is of another version than the page.
    pub stale_page: bool,
}

#[derive(Clone, Debug, PartialEq)]
struct Vcenter {
    guid: Guid,
    /// Its name in HDM.
    name: String,
    /// On the page's object, or on the root folder.
    privileges: Vec<Privilege>,
}

impl Rights {
    /// Takes in what a grant says.
    pub fn learn(&mut self, guid: &Guid, grant: &SessionGrant) {
        let learned = Vcenter {
            guid: guid.clone(),
            name: grant.vcenter.to_string(),
            privileges: grant.privileges.clone(),
        };
        // In the order of their UUIDs, so that what is learned again is the same.
        match self.vcenters.binary_search_by(|known| known.guid.cmp(guid)) {
            Ok(at) => self.vcenters[at] = learned,
            Err(at) => self.vcenters.insert(at, learned),
        }
        self.stale_page |= grant.server_version != env!("CARGO_PKG_VERSION");
    }

    /// A vCenter's name in HDM, or its UUID while that is not known.
    pub fn name<'a>(&'a self, guid: &'a Guid) -> &'a str {
        self.vcenters.iter().find(|known| known.guid == *guid).map_or(guid, |known| &known.name)
    }

    /// The vCenter of a name.
    pub fn guid(&self, name: &str) -> Option<Guid> {
        self.vcenters.iter().find(|known| known.name == name).map(|known| known.guid.clone())
    }

    /// Whether the user has a privilege in one of the vCenters. While nothing is known nothing is granted.
    pub fn has(&self, privilege: Privilege) -> bool {
        self.vcenters.iter().any(|known| known.privileges.contains(&privilege))
    }

    /// Whether the user has a privilege in a vCenter.
    pub fn has_in(&self, guid: &Guid, privilege: Privilege) -> bool {
        self.vcenters.iter().any(|known| known.guid == *guid && known.privileges.contains(&privilege))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    fn grant(vcenter: &str, privileges: &[Privilege]) -> SessionGrant {
        SessionGrant {
            token: String::new(),
            expires_in_seconds: 60,
            user: "ann".into(),
            vcenter: vcenter.parse().unwrap(),
            privileges: privileges.to_vec(),
            server_version: env!("CARGO_PKG_VERSION").into(),
        }
    }

    #[test]
    fn each_vcenter_has_its_own_privileges() {
        let mut rights = Rights::default();
        assert!(!rights.has(Privilege::View));
        rights.learn(&"b".into(), &grant("second", &[Privilege::Migrate]));
        rights.learn(&"a".into(), &grant("first", &[Privilege::View]));
        assert!(rights.has(Privilege::Migrate) && !rights.has_in(&"a".into(), Privilege::Migrate));
        assert_eq!(rights.guid("second").as_deref(), Some("b"));
        assert_eq!(rights.name(&"c".into()), "c");
        rights.learn(&"b".into(), &grant("second", &[]));
        assert!(!rights.has(Privilege::Migrate) && !rights.stale_page);
    }
}
