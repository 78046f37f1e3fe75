//! Sessions with vCenters.
//!
//! The Client's token is exchanged for a grant, one for each vCenter, which lives in the page's memory and
//! nowhere else. It is renewed before it expires, by exchanging the Client's token again: whoever logs out of
//! the Client loses access when the grant runs out. However many requests need a grant at once, the token is
//! exchanged once.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

use futures_util::FutureExt;
use futures_util::future::{LocalBoxFuture, Shared};
use hdm_shared::plugin::{CLIENT_TOKEN_HEADER, ManagedObject, SessionGrant, SessionRequest};

use super::failure::Failure;
use super::fetch::{self, Method, Outgoing};
use crate::{json, sdk};

/// A vCenter's instance UUID, in lower case.
pub type Guid = String;

/// A grant is renewed when less than this share of its life is left.
const RENEWED_BELOW: f64 = 0.3;

type Granted = Result<Rc<Held>, Failure>;

/// A grant with the time it is good for.
pub struct Held {
    grant: SessionGrant,
    renew_at_ms: f64,
    expires_at_ms: f64,
}

impl std::ops::Deref for Held {
    type Target = SessionGrant;
    fn deref(&self) -> &SessionGrant {
        &self.grant
    }
}

#[derive(Default)]
struct Sessions {
    object: Option<ManagedObject>,
    held: HashMap<Guid, Rc<Held>>,
    under_way: HashMap<Guid, Shared<LocalBoxFuture<'static, Granted>>>,
}

thread_local! {
    static SESSIONS: RefCell<Sessions> = RefCell::default();
}

/// Says which object the page is about, so that its privileges are told with each grant.
pub fn sign_in(object: Option<ManagedObject>) {
    SESSIONS.with_borrow_mut(|sessions| sessions.object = object);
}

/// The grant for a vCenter.
pub async fn grant(guid: &Guid) -> Granted {
    let now = js_sys::Date::now();
    let held = SESSIONS.with_borrow(|sessions| sessions.held.get(guid).cloned());
    if let Some(held) = held.filter(|held| now < held.expires_at_ms) {
        if now >= held.renew_at_ms {
            // It is still good: renew it beside the request that found it old.
            wasm_bindgen_futures::spawn_local(renew(guid.clone()).map(drop));
        }
        return Ok(held);
    }
    renew(guid.clone()).await
}

/// Forgets a grant that the server does not accept, unless another has taken its place.
pub fn forget(guid: &Guid, refused: &Rc<Held>) {
    SESSIONS.with_borrow_mut(|sessions| {
        if sessions.held.get(guid).is_some_and(|held| Rc::ptr_eq(held, refused)) {
            sessions.held.remove(guid);
        }
    });
}

fn renew(guid: Guid) -> Shared<LocalBoxFuture<'static, Granted>> {
    SESSIONS.with_borrow_mut(|sessions| {
        if let Some(under_way) = sessions.under_way.get(&guid) {
            return under_way.clone();
        }
        let object = sessions.object.clone();
        let wanted = guid.clone();
        let exchange = async move {
            let granted = exchange(&wanted, object).await;
            SESSIONS.with_borrow_mut(|sessions| {
                sessions.under_way.remove(&wanted);
                if let Ok(held) = &granted {
                    sessions.held.insert(wanted, held.clone());
                }
            });
            granted
        };
        let shared = exchange.boxed_local().shared();
        sessions.under_way.insert(guid, shared.clone());
        shared
    })
}

async fn exchange(guid: &Guid, object: Option<ManagedObject>) -> Granted {
    let token = sdk::session_token().await.ok_or(Failure::SessionEnded)?;
    let request =
        SessionRequest { vc_guid: guid.clone(), object, page_version: env!("CARGO_PKG_VERSION").into() };
    let body = json::write(&request).map_err(Failure::Nonsense)?;
    let begun = js_sys::Date::now();
    let outgoing = Outgoing::new(Method::Post, "api/session")
        .with(CLIENT_TOKEN_HEADER, &token)
        .json(body)
        .within(fetch::POLLED_MS);
    let reply = fetch::send(&outgoing).await?;
    let grant: SessionGrant = json::read(&reply.text).map_err(Failure::Nonsense)?;
    let life_ms = f64::from(grant.expires_in_seconds) * 1_000.0;
    Ok(Rc::new(Held {
        grant,
        renew_at_ms: begun + life_ms * (1.0 - RENEWED_BELOW),
        expires_at_ms: begun + life_ms,
    }))
}
