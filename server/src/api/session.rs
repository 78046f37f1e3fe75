//! `POST api/session`: from the vSphere Client's token to one of ours.

use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::extract::rejection::JsonRejection;
use axum::http::HeaderMap;
use hdm_shared::plugin::{SessionGrant, SessionRequest};
use hdm_shared::vcenter::VcenterRole;
use hdm_vsphere::{MoRef, Secret};

use super::{Caller, client, client_token, object};
use crate::app::{App, Shared};
use crate::problem::Failure;
use crate::session::InUse;
use crate::session::rights::{Answer, Mask};
use crate::token::{Claims, LIFE_SECONDS};

/// How long the clouds may take to say whether they are linked.
const LINKING: Duration = Duration::from_secs(3);

/// Exchanges the Client's token. The vCenter is named by its instance UUID, and its address comes from our
/// own table.
pub async fn exchange(
    State(app): Shared,
    headers: HeaderMap,
    body: Result<Json<SessionRequest>, JsonRejection>,
) -> Result<Json<SessionGrant>, Failure> {
    let token = client_token(&headers)?;
    let Json(request) = body?;
    let about = request.object.map(|given| of_type(&given.kind, &given.id)).transpose()?;
    let mut vcenter = app.vcenters.get(&request.vc_guid);
    if vcenter.is_none() {
        // It may have been added a moment ago.
        app.feed.refresh_vcenters().await?;
        vcenter = app.vcenters.get(&request.vc_guid);
    }
    let vcenter = vcenter.ok_or_else(Failure::unknown_vcenter)?;
    let client = client(&headers, &app.vcenters);
    let session = app.table.exchange(&vcenter, &token, client.as_ref()).await?;
    let caller = Caller::new(app.clone(), session.clone(), about.clone());
    let object = caller.object().await?;
    let linking = link(&app, &session, &token);
    let (held, ()) = tokio::join!(caller.rights([&object], Mask::ALL), linking);
    let held = match held {
        // It was lost since it was last used: vCenter restarted, or somebody ended it.
        Err(failure) if failure.is(hdm_shared::plugin::SESSION_UNKNOWN) => {
            let session = app.table.exchange(&vcenter, &token, client.as_ref()).await?;
            let again = Caller::new(app.clone(), session, about.clone());
            let held = again.rights([&object], Mask::ALL).await?;
            return grant(&again, about, held.get(&object).copied(), vcenter.id.clone());
        }
        held => held?,
    };
    grant(&caller, about, held.get(&object).copied(), vcenter.id.clone())
}

/// Has the clouds of a session linked, if it is one of a vCenter that VMs are moved from. A cloud that is slow to
/// answer must not keep the page waiting: it is linked later.
pub async fn link(app: &App, session: &InUse, token: &Secret) {
    if session.vcenter.role == VcenterRole::Source {
        let _ = tokio::time::timeout(LINKING, app.table.link(session, token)).await;
    }
}

fn grant(
    caller: &Caller,
    about: Option<MoRef>,
    held: Option<Answer>,
    vcenter: hdm_shared::VcenterId,
) -> Result<Json<SessionGrant>, Failure> {
    let session = &caller.session;
    let now = caller.app.clock.now();
    let claims = Claims::new(&session.user, &session.vcenter.guid, session.id, about, now);
    let token = caller.app.keys.sign(&claims).map_err(|error| Failure::internal(error.to_string()))?;
    let mask = match held {
        Some(Answer::Holds(mask)) => mask,
        _ => Mask::NONE,
    };
    Ok(Json(SessionGrant {
        token,
        expires_in_seconds: LIFE_SECONDS,
        user: session.user.clone(),
        vcenter,
        privileges: mask.iter().collect(),
        server_version: crate::VERSION.to_owned(),
    }))
}

fn of_type(kind: &str, id: &str) -> Result<MoRef, Failure> {
    let plain = !kind.is_empty() && kind.len() <= 64 && kind.chars().all(|c| c.is_ascii_alphanumeric());
    if !plain {
        return Err(Failure::bad_request("An object's type is a word, such as VirtualMachine."));
    }
    object(kind, id)
}
