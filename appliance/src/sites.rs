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
    site: Site,
}

/// All vCenters.
pub struct Sites {
    store: Store,
    sealer: Sealer,
    appliance: String,
    user_agent: String,
    known: RwLock<BTreeMap<VcenterId, Known>>,
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
            gate: RwLock::new(None),
        }
    }

    /// Sets what is asked before each login.
    pub fn set_gate(&self, gate: LoginGate) {
        if let Ok(mut slot) = self.gate.write() {
            *slot = Some(gate);
        }
    }

    /// Makes the list what the store says: another appliance may have added or removed a vCenter.
    pub async fn refresh(&self) -> Result<(), SiteError> {
        let records = self.store.vcenters().await?;
        let mut gone = Vec::new();
        {
            let mut known = self.known.write().unwrap_or_else(std::sync::PoisonError::into_inner);
            let ids: Vec<_> = known.keys().cloned().collect();
            for id in ids {
                let same =
                    records.iter().any(|r| r.id == id && known.get(&id).is_some_and(|k| k.record == *r));
                if !same && let Some(old) = known.remove(&id) {
                    gone.push(old.site);
                }
            }
            for record in records {
                if !known.contains_key(&record.id) {
                    let site = self.open(&record)?;
                    known.insert(record.id.clone(), Known { record, site });
                }
            }
        }
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
        known.get(id).map(|k| k.site.clone())
    }

    /// All vCenters with their records, by name.
    pub fn all(&self) -> Vec<(VcenterRecord, Site)> {
        let known = self.known.read().unwrap_or_else(std::sync::PoisonError::into_inner);
        known.values().map(|k| (k.record.clone(), k.site.clone())).collect()
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
            std::mem::take(&mut *known).into_values().map(|k| k.site).collect()
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
