//! The vCenters that are known, each with one session and one inventory cache.

use std::collections::BTreeMap;
use std::sync::RwLock;
use std::time::Duration;

use hdm_shared::VcenterId;
use hdm_shared::vcenter::VcenterRole;
use hdm_vsphere::{Credentials, Endpoint, Inventory, Limits, LoginGate, Session, Thumbprint};

use crate::secret::{Sealer, SecretError};
use crate::store::{Store, StoreError, VcenterRecord};

/// A vCenter as the rest of the appliance uses it. Clones share session and cache.
#[derive(Clone, Debug)]
pub struct Site {
    /// Its name.
    pub id: VcenterId,
    /// What it is to HDM.
    pub role: VcenterRole,
    /// The login.
    pub session: Session,
    /// The cache.
    pub inventory: Inventory,
}

/// What can go wrong with the list of vCenters.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs, reason = "each variant's message says what it is")]
pub enum SiteError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Secret(#[from] SecretError),
    #[error(transparent)]
    Vsphere(#[from] hdm_vsphere::Error),
}

struct Known {
    record: VcenterRecord,
    /// Or why there is none.
    site: Result<Site, String>,
}

/// All vCenters.
pub struct Sites {
    store: Store,
    sealer: Sealer,
    appliance: String,
    user_agent: String,
    known: RwLock<BTreeMap<VcenterId, Known>>,
    /// Held from the reading of the store until the list is changed: an older reading must not undo a newer.
    refreshing: tokio::sync::Mutex<()>,
    gate: RwLock<Option<LoginGate>>,
}

/// The user agent by which an appliance's sessions are known. vCenter keeps it with each login.
pub fn user_agent(appliance: &str) -> String {
    format!("HDM/{} ({appliance})", env!("CARGO_PKG_VERSION"))
}

impl Sites {
    /// An empty list; [`Sites::refresh`] fills it.
    pub fn new(store: Store, sealer: Sealer, appliance: &str) -> Self {
        Self {
            store,
            sealer,
            appliance: appliance.to_owned(),
            user_agent: user_agent(appliance),
            known: RwLock::default(),
            refreshing: tokio::sync::Mutex::default(),
            gate: RwLock::new(None),
        }
    }

    /// Sets what is asked before each login.
    pub fn set_gate(&self, gate: LoginGate) {
        if let Ok(mut slot) = self.gate.write() {
            *slot = Some(gate);
        }
    }

    /// Makes the list what the store says: another appliance may have added or removed a vCenter. One that
    /// cannot be used, because its password was sealed with another key, hinders no other: see
    /// [`Sites::unusable`].
    pub async fn refresh(&self) -> Result<(), SiteError> {
        let refreshing = self.refreshing.lock().await;
        let records = self.store.vcenters().await?;
        let mut gone = Vec::new();
        {
            let mut known = self.known.write().unwrap_or_else(std::sync::PoisonError::into_inner);
            let ids: Vec<_> = known.keys().cloned().collect();
            for id in ids {
                let same =
                    records.iter().any(|r| r.id == id && known.get(&id).is_some_and(|k| k.record == *r));
                if !same && let Some(old) = known.remove(&id) {
                    gone.extend(old.site.ok());
                }
            }
            for record in records {
                if !known.contains_key(&record.id) {
                    let site = self.open(&record).map_err(|error| {
                        tracing::error!(vcenter = %record.id, %error, "a vCenter cannot be used");
                        error.to_string()
                    });
                    known.insert(record.id.clone(), Known { record, site });
                }
            }
        }
        drop(refreshing);
        for site in gone {
            let session = site.session.clone();
            drop(site);
            if let Err(error) = session.logout().await {
                tracing::info!(%error, "the session of a removed vCenter ends by itself");
            }
        }
        Ok(())
    }

    fn open(&self, record: &VcenterRecord) -> Result<Site, SiteError> {
        let password = self.unseal(record)?;
        let session = self.session(
            record.id.as_str(),
            &record.url,
            record.thumbprint.parse()?,
            Credentials { user: record.user.clone(), password },
        )?;
        let inventory = Inventory::start(session.clone());
        tokio::spawn(end_former(session.clone(), self.appliance.clone()));
        Ok(Site { id: record.id.clone(), role: record.role, session, inventory })
    }

    /// A session under this appliance's name.
    pub fn session(
        &self,
        name: &str,
        url: &str,
        thumbprint: Thumbprint,
        credentials: Credentials,
    ) -> Result<Session, SiteError> {
        let endpoint = Endpoint { name: name.to_owned(), url: Endpoint::parse_url(url)?, thumbprint };
        let session = Session::new(endpoint, credentials, Limits::default(), self.user_agent.clone())?;
        if let Some(gate) = self.gate.read().ok().and_then(|gate| gate.clone()) {
            session.set_login_gate(gate);
        }
        Ok(session)
    }

    /// Seals a password for a vCenter.
    pub fn seal(&self, id: &VcenterId, password: &hdm_vsphere::Secret) -> Result<String, SiteError> {
        Ok(self.sealer.seal(id.as_str(), password)?)
    }

    /// Opens the password of a vCenter.
    pub fn unseal(&self, record: &VcenterRecord) -> Result<hdm_vsphere::Secret, SiteError> {
        Ok(self.sealer.unseal(record.id.as_str(), &record.sealed_password)?)
    }

    /// A vCenter by name.
    pub fn get(&self, id: &VcenterId) -> Option<Site> {
        let known = self.known.read().unwrap_or_else(std::sync::PoisonError::into_inner);
        known.get(id)?.site.clone().ok()
    }

    /// Those that are stored and cannot be used, with the reason.
    pub fn unusable(&self) -> Vec<(VcenterRecord, String)> {
        let known = self.known.read().unwrap_or_else(std::sync::PoisonError::into_inner);
        known.values().filter_map(|k| Some((k.record.clone(), k.site.clone().err()?))).collect()
    }

    /// All vCenters that can be used with their records, by name.
    pub fn all(&self) -> Vec<(VcenterRecord, Site)> {
        let known = self.known.read().unwrap_or_else(std::sync::PoisonError::into_inner);
        known.values().filter_map(|k| Some((k.record.clone(), k.site.clone().ok()?))).collect()
    }

    /// All of a role.
    pub fn of_role(&self, role: VcenterRole) -> Vec<Site> {
        self.all().into_iter().map(|(_, site)| site).filter(|site| site.role == role).collect()
    }

    /// Ends the sessions an appliance has at a vCenter.
    pub async fn end_sessions_of(&self, site: &Site, appliance: &str) -> Result<(), hdm_vsphere::Error> {
        end_sessions(&site.session, appliance).await.map(drop)
    }

    /// Ends all logins of this process.
    pub async fn logout(&self) {
        let sites: Vec<_> = {
            let mut known = self.known.write().unwrap_or_else(std::sync::PoisonError::into_inner);
            std::mem::take(&mut *known).into_values().filter_map(|k| k.site.ok()).collect()
        };
        for site in sites {
            let session = site.session.clone();
            drop(site);
            let ended = tokio::time::timeout(Duration::from_secs(5), session.logout()).await;
            if !matches!(ended, Ok(Ok(()))) {
                tracing::info!(vcenter = %session.endpoint().name, "the session ends by itself");
            }
        }
    }
}

/// Ends an appliance's sessions, but for the one that asks, and says how many there were. Of any version: an
/// update may be why they are still there.
async fn end_sessions(session: &Session, appliance: &str) -> Result<usize, hdm_vsphere::Error> {
    let mark = format!("({appliance})");
    let own = session.login().await?;
    let former: Vec<String> = session
        .sessions()
        .await?
        .into_iter()
        .filter(|s| s.user_agent.starts_with("HDM/") && s.user_agent.ends_with(&mark) && s.key != own)
        .map(|s| s.key)
        .collect();
    session.terminate_sessions(&former).await?;
    Ok(former.len())
}

/// Ends what an earlier process of this appliance left logged in.
async fn end_former(session: Session, appliance: String) {
    let mut pause = Duration::from_millis(500);
    loop {
        match end_sessions(&session, &appliance).await {
            Ok(n) => {
                return tracing::debug!(vcenter = %session.endpoint().name, n, "ended sessions of an earlier process");
            }
            Err(hdm_vsphere::Error::Fenced { .. } | hdm_vsphere::Error::InvalidLogin { .. }) => return,
            Err(error) => {
                tracing::debug!(vcenter = %session.endpoint().name, %error, "former sessions are ended later");
            }
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(Duration::from_secs(30));
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use std::sync::Arc;

    use hdm_tests::Lab;
    use jiff::Timestamp;
    use serde_json::json;

    use super::*;
    use crate::secret::new_key;
    use crate::testing::Database;

    fn sealer() -> Sealer {
        Sealer::from_text(&new_key().unwrap()).unwrap()
    }

    fn record(id: &str, sealer: &Sealer) -> VcenterRecord {
        VcenterRecord {
            id: id.parse().unwrap(),
            role: VcenterRole::Source,
            url: "https://127.0.0.1:1/sdk".into(),
            user: "ann".into(),
            sealed_password: sealer.seal(id, &hdm_vsphere::Secret::new("secret".to_owned())).unwrap(),
            thumbprint: ["AA"; 32].join(":"),
            instance_uuid: id.into(),
            added_at: Timestamp::UNIX_EPOCH,
        }
    }

    async fn sites(sealer: Sealer) -> (Sites, Store, Database) {
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let database = Database::sqlite();
        let store = database.open().await;
        (Sites::new(store.clone(), sealer, "test"), store, database)
    }

    #[tokio::test]
    async fn a_vcenter_whose_password_cannot_be_opened_hinders_no_other() {
        let key = new_key().unwrap();
        let own = Sealer::from_text(&key).unwrap();
        let (sites, store, _database) = sites(Sealer::from_text(&key).unwrap()).await;
        store.add_vcenter(&record("a-foreign", &sealer())).await.unwrap();
        store.add_vcenter(&record("b-own", &own)).await.unwrap();
        sites.refresh().await.unwrap();
        assert!(sites.get(&"b-own".parse().unwrap()).is_some());
        assert!(sites.get(&"a-foreign".parse().unwrap()).is_none());
        let unusable = sites.unusable();
        assert_eq!(unusable.len(), 1);
        assert!(unusable[0].1.contains("sealed with another key"), "{}", unusable[0].1);
        store.remove_vcenter(&"a-foreign".parse().unwrap()).await.unwrap();
        sites.refresh().await.unwrap();
        assert!(sites.unusable().is_empty());
    }

    /// Who has added a vCenter and refreshed the list finds it there, whoever refreshes meanwhile.
    #[tokio::test(flavor = "multi_thread")]
    async fn an_older_reading_does_not_undo_a_newer() {
        let key = new_key().unwrap();
        let own = Sealer::from_text(&key).unwrap();
        let (sites, store, _database) = sites(Sealer::from_text(&key).unwrap()).await;
        let sites = Arc::new(sites);
        let others: Vec<_> = (0..4)
            .map(|_| {
                let sites = sites.clone();
                tokio::spawn(async move {
                    loop {
                        sites.refresh().await.unwrap();
                    }
                })
            })
            .collect();
        for n in 0..25 {
            let record = record(&format!("vc-{n}"), &own);
            store.add_vcenter(&record).await.unwrap();
            sites.refresh().await.unwrap();
            for _ in 0..20 {
                assert!(sites.get(&record.id).is_some(), "{}", record.id);
                tokio::task::yield_now().await;
            }
            store.remove_vcenter(&record.id).await.unwrap();
        }
        others.iter().for_each(tokio::task::JoinHandle::abort);
    }

    /// How many sessions of this appliance a vCenter knows.
    async fn open(site: &hdm_tests::Site) -> usize {
        site.dump().await.sessions.iter().filter(|s| s.user_agent == user_agent("test")).count()
    }

    /// A login that took effect and whose answer nobody got is ended with the next login, by its user agent.
    #[tokio::test(flavor = "multi_thread")]
    async fn logins_whose_answers_are_lost_do_not_add_up() {
        let lab = Lab::start(json!([])).await;
        let (sites, _store, _database) = sites(sealer()).await;
        let ready = &lab.onprem.ready;
        let login = Credentials {
            user: ready.user.clone(),
            password: hdm_vsphere::Secret::new(ready.password.clone()),
        };
        let session = sites.session("onprem", &ready.url, ready.sha256.parse().unwrap(), login).unwrap();

        for _ in 0..3 {
            let lost = json!({"on": {"method": "Login", "nth": 1}, "do": {"lose_answer": true}});
            lab.onprem.arm(lost).await;
            session.login().await.unwrap_err();
        }
        assert_eq!(open(&lab.onprem).await, 3, "the lab keeps them");
        session.current_time().await.unwrap();
        assert_eq!(open(&lab.onprem).await, 1);
        session.logout().await.unwrap();

        let slow = json!({"on": {"method": "Login", "nth": 1}, "do": {"delay_ms": 500}});
        let slow = lab.onprem.arm(slow).await;
        // Nobody waits for the answer any more, as when a driver is ended.
        tokio::select! {
            _ = session.login() => panic!("it is held up"),
            () = lab.onprem.has_fired(&slow) => {}
        }
        hdm_tests::wait::until("the login takes effect", async || {
            let known = open(&lab.onprem).await;
            if known == 1 { Ok(()) } else { Err(known) }
        })
        .await;
        session.current_time().await.unwrap();
        assert_eq!(open(&lab.onprem).await, 1);
        session.logout().await.unwrap();
    }
}
