//! From a session of the vSphere Client to sessions of the vSphere API in the same user's name.
//!
//! The Client gives a plug-in its session's token. vCenter turns the token into a clone ticket (vSphere
//! Client SDK, "remote plug-in server: obtaining a vCenter session"), and the ticket into a session of its
//! own (vSphere API reference, `SessionManager.CloneSession`), which lives on when the Client's has ended.

use reqwest::Method;
use serde_json::json;

use crate::error::Error;
use crate::session::Session;
use crate::wire::{Endpoint, Http, Limits, RestAuth, Secret};

/// Where clone tickets are given out.
const CLONE_TICKET: &str = "/api/ui/vcenter/session/clone-ticket";
/// A longer token or ticket is none.
const MAX_TEXT: usize = 4_096;

/// One vCenter, as the place where clone tickets are given out and used.
#[derive(Debug)]
pub struct ClientSessions {
    http: Http,
    limits: Limits,
    user_agent: String,
}

impl ClientSessions {
    /// Prepares it; nothing is sent yet. vCenter keeps `user_agent` with each session that is made.
    pub fn new(endpoint: Endpoint, limits: Limits, user_agent: String) -> Result<Self, Error> {
        let http = Http::new(endpoint, limits.clone(), user_agent.clone())?;
        Ok(Self { http, limits, user_agent })
    }

    /// The vCenter.
    pub fn endpoint(&self) -> &Endpoint {
        self.http.endpoint()
    }

    /// A ticket for a session at the vCenter with this instance UUID: good once, and not longer than the
    /// Client's session. That there is one proves that the Client's session lives.
    ///
    /// [`Error::TokenRefused`] if the token is not one of this vCenter or of one that it is linked with.
    pub async fn ticket(&self, token: &Secret, instance_uuid: &str) -> Result<Secret, Error> {
        let vcenter = self.endpoint().name.clone();
        let sendable = |c: char| c.is_ascii_graphic();
        let token = token.reveal();
        if token.is_empty() || token.len() > MAX_TEXT || !token.chars().all(sendable) {
            return Err(Error::TokenRefused { vcenter });
        }
        let body = json!({ "vc_guid": instance_uuid });
        let auth = RestAuth::Session(token);
        let (status, text) = self.http.rest_answer(Method::POST, CLONE_TICKET, auth, Some(&body)).await?;
        match status {
            200 | 201 => {}
            400..=404 => return Err(Error::TokenRefused { vcenter }),
            _ => return Err(Error::Busy { vcenter, operation: CLONE_TICKET.into(), status }),
        }
        let answer: serde_json::Value =
            serde_json::from_str(&text).map_err(|e| Session::protocol(CLONE_TICKET, e.to_string()))?;
        match answer["session_clone_ticket"].as_str() {
            Some(ticket) if !ticket.is_empty() && ticket.len() <= MAX_TEXT => Ok(Secret::new(ticket)),
            _ => Err(Session::protocol(CLONE_TICKET, "there is no ticket in it")),
        }
    }

    /// Uses a ticket up: a session of its own, and its user's name.
    pub async fn open(&self, ticket: &Secret) -> Result<(Session, String), Error> {
        let endpoint = self.endpoint().clone();
        Session::from_clone_ticket(endpoint, ticket, self.limits.clone(), self.user_agent.clone()).await
    }
}
