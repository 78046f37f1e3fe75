//! Who asks, and what that user may do.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, header};
use hdm_shared::plugin::{CLIENT_TOKEN_HEADER, Privilege, SESSION_UNKNOWN};
use hdm_shared::vcenter::VcenterRole;
use hdm_shared::{ObjectId, VcenterId};
use hdm_vsphere::{Error, MoRef, Secret};

use crate::app::App;
use crate::problem::Failure;
use crate::session::rights::{Answer, Mask};
use crate::session::{InUse, Link};
use crate::token::Claims;
use crate::vcenters::{Vcenter, Vcenters};

/// Our own token in a request.
pub fn bearer(headers: &HeaderMap) -> Option<&str> {
    headers.get(header::AUTHORIZATION)?.to_str().ok()?.strip_prefix("Bearer ")
}

/// The vSphere Client's token in a request.
pub fn client_token(headers: &HeaderMap) -> Result<Secret, Failure> {
    let token = headers.get(CLIENT_TOKEN_HEADER).and_then(|token| token.to_str().ok()).unwrap_or_default();
    if token.is_empty() { Err(Failure::client_session()) } else { Ok(Secret::new(token)) }
}

/// The vCenter in whose Client a page is, by the origin that the browser tells. It chooses nothing but who of
/// the vCenters that HDM knows is shown the page's own token.
pub fn client(headers: &HeaderMap, vcenters: &Vcenters) -> Option<Arc<Vcenter>> {
    vcenters.of_origin(headers.get(header::ORIGIN)?.to_str().ok()?)
}

/// A user with a session, for one request.
pub struct Caller {
    /// Everything.
    pub app: Arc<App>,
    /// The session.
    pub session: InUse,
    /// What the page is about.
    object: Option<MoRef>,
}

impl FromRequestParts<Arc<App>> for Caller {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Failure> {
        let token = bearer(&parts.headers).unwrap_or_default();
        let claims = app.keys.check(token, app.clock.now()).ok_or_else(Failure::session_unknown)?;
        let session = match app.table.enter(claims.clone) {
            Some(session) => session,
            None => open_again(app, &parts.headers, &claims).await?,
        };
        // The same by construction; a token that says otherwise is not to be trusted.
        if session.user != claims.sub || session.vcenter.guid != claims.guid {
            return Err(Failure::session_unknown());
        }
        Ok(Self { app: app.clone(), session, object: claims.object })
    }
}

/// The session that a token of ours names, for a page that shows the Client's token too: another instance
/// gave ours out, and holds a session of its own.
async fn open_again(app: &App, headers: &HeaderMap, claims: &Claims) -> Result<InUse, Failure> {
    let token = client_token(headers).map_err(|_| Failure::session_unknown())?;
    if app.table.id_of(&token, &claims.guid) != claims.clone {
        return Err(Failure::session_unknown());
    }
    let vcenter = app.vcenters.get(&claims.guid).ok_or_else(Failure::session_unknown)?;
    let session = app.table.exchange(&vcenter, &token, client(headers, &app.vcenters).as_ref()).await?;
    super::session::link(app, &session, &token).await;
    Ok(session)
}

impl Caller {
    /// The caller of an exchange, who has no token of ours yet.
    pub fn new(app: Arc<App>, session: InUse, object: Option<MoRef>) -> Self {
        Self { app, session, object }
    }

    /// The user's name.
    pub fn user(&self) -> &str {
        &self.session.user
    }

    /// A VM's or another object's name in HDM.
    pub fn subject(&self, object: &MoRef) -> ObjectId {
        ObjectId { vcenter: self.session.vcenter.id.clone(), moid: object.id.clone() }
    }

    /// What the page is about; the root folder if it is about everything.
    pub async fn object(&self) -> Result<MoRef, Failure> {
        match &self.object {
            Some(object) => Ok(object.clone()),
            None => self.root().await,
        }
    }

    /// The vCenter's root folder.
    pub async fn root(&self) -> Result<MoRef, Failure> {
        self.session.session.root().await.map_err(|error| self.failed(error))
    }

    /// What the user may do to these objects, of what is `wanted`.
    pub async fn rights<'a>(
        &self,
        objects: impl IntoIterator<Item = &'a MoRef>,
        wanted: Mask,
    ) -> Result<HashMap<MoRef, Answer>, Failure> {
        let now = self.app.clock.uptime();
        let asked = self.session.rights.of(self.session.session.as_ref(), objects, wanted, now).await;
        asked.map_err(|error| self.ended(Failure::of_rights(error)))
    }

    /// Which of these objects the user holds a privilege on. What is gone counts as what is above everything:
    /// whoever may see all of a vCenter may see what was there.
    pub async fn holding<'a>(
        &self,
        objects: impl IntoIterator<Item = &'a MoRef>,
        privilege: Privilege,
    ) -> Result<HashSet<MoRef>, Failure> {
        let held = self.held(objects, usual(privilege)).await?;
        Ok(held.into_iter().filter(|(_, mask)| mask.has(privilege)).map(|(object, _)| object).collect())
    }

    /// What the user holds on each of these objects, of what is `wanted`; of what is gone as in [`Self::holding`].
    pub async fn held<'a>(
        &self,
        objects: impl IntoIterator<Item = &'a MoRef>,
        wanted: Mask,
    ) -> Result<HashMap<MoRef, Mask>, Failure> {
        let rights = self.rights(objects, wanted).await?;
        let gone = if rights.values().any(|answer| *answer == Answer::Gone) {
            let root = self.root().await?;
            match self.rights([&root], wanted).await?.get(&root) {
                Some(Answer::Holds(mask)) => *mask,
                _ => Mask::NONE,
            }
        } else {
            Mask::NONE
        };
        let mask = |answer| match answer {
            Answer::Holds(mask) => mask,
            Answer::Gone => gone,
        };
        Ok(rights.into_iter().map(|(object, answer)| (object, mask(answer))).collect())
    }

    /// Whether the user holds a privilege on one object.
    pub async fn may(&self, privilege: Privilege, object: &MoRef) -> Result<bool, Failure> {
        Ok(self.holding([object], privilege).await?.contains(object))
    }

    /// Refuses who lacks a privilege on an object.
    pub async fn must(&self, privilege: Privilege, object: &MoRef) -> Result<(), Failure> {
        if self.may(privilege, object).await? {
            return Ok(());
        }
        Err(Failure::forbidden(privilege, &self.named(object)))
    }

    /// Whether the user holds a privilege over HDM as a whole: on the root folder of a vCenter that VMs are
    /// moved from. Whoever runs a cloud has no say in HDM by that.
    pub async fn may_everywhere(&self, privilege: Privilege) -> Result<bool, Failure> {
        let root = self.root().await?;
        Ok(self.must_be_source().is_ok() && self.may(privilege, &root).await?)
    }

    /// Refuses who lacks a privilege over HDM as a whole.
    pub async fn must_everywhere(&self, privilege: Privilege) -> Result<(), Failure> {
        self.must_be_source()?;
        let root = self.root().await?;
        self.must(privilege, &root).await
    }

    /// Whether there is such a cloud that HDM has reached.
    pub async fn knows_cloud(&self, id: &VcenterId) -> Result<bool, Failure> {
        let is_cloud = || self.app.vcenters.named(id).is_some_and(|known| known.role == VcenterRole::Cloud);
        if !is_cloud() {
            // It may have been added a moment ago.
            self.app.feed.refresh_vcenters().await?;
        }
        Ok(is_cloud())
    }

    /// The user's session at a cloud that is linked with the vCenter the user is logged in to; none if it is not
    /// linked. Fails if nobody knows, since then nobody knows what the user sees there either.
    pub fn linked(&self, cloud: &VcenterId) -> Result<Option<InUse>, Failure> {
        let link = self.app.vcenters.named(cloud).map(|cloud| self.app.table.link_of(&self.session, &cloud));
        match link.unwrap_or(Link::Unknown) {
            Link::Linked(session) => Ok(Some(session)),
            Link::Unlinked => Ok(None),
            Link::Unknown => Err(Failure::vcenter(format!(
                "HDM could not find out what you may see in the cloud '{cloud}'. Close this window and open it again \
                 in a moment."
            ))),
        }
    }

    /// What the user sees in that session.
    pub async fn seen(&self, session: &InUse, objects: &[MoRef]) -> Result<HashSet<MoRef>, Failure> {
        session.session.seen(objects).await.map_err(|error| {
            let failure = Failure::from(error);
            if failure.is(SESSION_UNKNOWN) {
                self.app.table.end(session);
            }
            failure
        })
    }

    /// Refuses requests about a vCenter that VMs are not moved from.
    pub fn must_be_source(&self) -> Result<(), Failure> {
        let vcenter = &self.session.vcenter;
        if vcenter.role == VcenterRole::Source {
            return Ok(());
        }
        let detail = format!(
            "VMs are not moved from the vCenter '{}', but to it. Open HDM in a vCenter that they are moved from.",
            vcenter.id
        );
        Err(Failure::bad_request(detail))
    }

    /// An object in a message: by its id, which the page knows.
    pub fn named(&self, object: &MoRef) -> String {
        let vcenter = &self.session.vcenter.id;
        if object.kind == "Folder" && self.object.as_ref() != Some(object) {
            format!("the vCenter '{vcenter}'")
        } else {
            format!("{} in the vCenter '{vcenter}'", object.id)
        }
    }

    /// A failure of vCenter. A session that it has ended is not kept.
    fn failed(&self, error: Error) -> Failure {
        self.ended(error.into())
    }

    fn ended(&self, failure: Failure) -> Failure {
        if failure.is(SESSION_UNKNOWN) {
            self.app.table.end(&self.session);
        }
        failure
    }
}

/// What is asked about together: nearly every request is about one of these two, and asking about both costs
/// what asking about one does.
pub fn usual(privilege: Privilege) -> Mask {
    Mask::of(|p| p == privilege || p == Privilege::View || p == Privilege::Migrate)
}
