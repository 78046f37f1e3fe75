//! The tokens that pages carry: JSON Web Tokens (RFC 7519) signed with Ed25519 (RFC 8037).
//!
//! A token names a user, a vCenter, and the session that the server holds for both. It is no more than a
//! claim check: without the session it is worth nothing. All instances of the server share the key, so that
//! each can tell a token of another from a forged one, and calls the same session by the same name.

use aws_lc_rs::hmac;
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hdm_vsphere::MoRef;
use jiff::Timestamp;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// How long a token is good for, in seconds. Whoever has lost the vSphere Client's session is out after that
/// at the latest.
pub const LIFE_SECONDS: u32 = 300;
/// How much ahead the clock of the instance that made a token may be. One that seems to be made later was made before the
/// clock was put back, and would be good for that much longer.
const AHEAD_SECONDS: i64 = 60;
/// Who signs.
const ISSUER: &str = "hdm-server";
/// A longer token is none.
const MAX_TOKEN: usize = 4_096;

/// What a token says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claims {
    iss: String,
    /// The user, as vCenter names it.
    pub sub: String,
    /// The vCenter's instance UUID.
    pub guid: String,
    /// The session.
    pub clone: Uuid,
    /// The object the page is about, as type and id.
    pub object: Option<MoRef>,
    /// When it was made, in seconds since 1970.
    pub iat: i64,
    /// Until when it is good, in seconds since 1970.
    pub exp: i64,
}

impl Claims {
    /// A token made now.
    pub fn new(user: &str, guid: &str, clone: Uuid, object: Option<MoRef>, now: Timestamp) -> Self {
        let iat = now.as_second();
        let exp = iat + i64::from(LIFE_SECONDS);
        Self { iss: ISSUER.into(), sub: user.into(), guid: guid.into(), clone, object, iat, exp }
    }
}

/// Why there is no key.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The file holds something else.
    #[error("it holds no Ed25519 key (PKCS #8 in base64)")]
    Bad,
    /// The key refuses to sign.
    #[error("no token can be signed: {0}")]
    Sign(#[from] jsonwebtoken::errors::Error),
    /// The system fails.
    #[error("the system gives no random numbers")]
    NoRandom,
}

/// The key that signs and checks.
pub struct Keys {
    signing: EncodingKey,
    checking: DecodingKey,
    naming: hmac::Key,
}

impl std::fmt::Debug for Keys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Keys")
    }
}

impl Keys {
    /// A new key, as its file holds it.
    pub fn generate() -> Result<String, KeyError> {
        let pair = Ed25519KeyPair::generate().map_err(|_| KeyError::NoRandom)?;
        let document = pair.to_pkcs8v1().map_err(|_| KeyError::NoRandom)?;
        Ok(STANDARD.encode(document.as_ref()))
    }

    /// Reads a key.
    pub fn parse(text: &str) -> Result<Self, KeyError> {
        let der = STANDARD.decode(text.trim()).map_err(|_| KeyError::Bad)?;
        let pair = Ed25519KeyPair::from_pkcs8(&der).map_err(|_| KeyError::Bad)?;
        let checking = DecodingKey::from_ed_der(pair.public_key().as_ref());
        Ok(Self { signing: EncodingKey::from_ed_der(&der), checking, naming: naming(&der) })
    }

    /// The name of the session of a Client's token, of which the hash is given, at a vCenter. It is the same at
    /// every instance, so that a token of ours is good at each that holds the session, and says nothing of
    /// the Client's.
    pub fn session_id(&self, token: &[u8; 32], guid: &str) -> Uuid {
        let tag = hmac::sign(&self.naming, &[token, guid.as_bytes()].concat());
        let mut bytes = [0; 16];
        bytes.copy_from_slice(&tag.as_ref()[..16]);
        uuid::Builder::from_random_bytes(bytes).into_uuid()
    }

    /// Signs a token.
    pub fn sign(&self, claims: &Claims) -> Result<String, KeyError> {
        Ok(jsonwebtoken::encode(&Header::new(Algorithm::EdDSA), claims, &self.signing)?)
    }

    /// What a token says, if it is ours and good now.
    pub fn check(&self, token: &str, now: Timestamp) -> Option<Claims> {
        if token.len() > MAX_TOKEN {
            return None;
        }
        // The one algorithm is ours to choose, not the token's. Times are compared below, by our clock.
        let mut wanted = Validation::new(Algorithm::EdDSA);
        wanted.validate_exp = false;
        wanted.set_issuer(&[ISSUER]);
        wanted.set_required_spec_claims(&["exp", "iss", "sub"]);
        let claims = jsonwebtoken::decode::<Claims>(token, &self.checking, &wanted).ok()?.claims;
        let now = now.as_second();
        (now < claims.exp && claims.iat.saturating_sub(now) <= AHEAD_SECONDS).then_some(claims)
    }
}

/// The key that sessions are named with, made of the one that signs.
fn naming(der: &[u8]) -> hmac::Key {
    let made = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, der), b"names of sessions");
    hmac::Key::new(hmac::HMAC_SHA256, made.as_ref())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    use jiff::ToSpan;

    use super::*;

    fn keys() -> Keys {
        Keys::parse(&Keys::generate().unwrap()).unwrap()
    }

    fn claims(now: Timestamp) -> Claims {
        let object = Some(MoRef::new("VirtualMachine", "vm-1"));
        Claims::new("EXAMPLE\\ann", "guid", Uuid::from_u128(7), object, now)
    }

    #[test]
    fn a_token_is_good_for_its_life_and_not_a_second_longer() {
        let (keys, now) = (keys(), Timestamp::from_second(1_700_000_000).unwrap());
        let token = keys.sign(&claims(now)).unwrap();
        assert_eq!(keys.check(&token, now), Some(claims(now)));
        assert!(keys.check(&token, now + 299.seconds()).is_some());
        assert!(keys.check(&token, now + 300.seconds()).is_none());
    }

    #[test]
    fn a_clock_that_is_put_back_makes_no_token_good_for_longer() {
        let (keys, now) = (keys(), Timestamp::from_second(1_700_000_000).unwrap());
        let token = keys.sign(&claims(now)).unwrap();
        assert!(keys.check(&token, now - 60.seconds()).is_some(), "another instance's clock");
        assert!(keys.check(&token, now - 61.seconds()).is_none());
    }

    #[test]
    fn a_token_of_another_key_or_changed_on_its_way_is_refused() {
        let (ours, now) = (keys(), Timestamp::from_second(1_700_000_000).unwrap());
        let token = keys().sign(&claims(now)).unwrap();
        assert!(ours.check(&token, now).is_none(), "another key");
        let token = ours.sign(&claims(now)).unwrap();
        let mut parts: Vec<String> = token.split('.').map(str::to_owned).collect();
        let other = Claims { sub: "EXAMPLE\\root".into(), ..claims(now) };
        parts[1] = URL_SAFE_NO_PAD.encode(serde_json::to_vec(&other).unwrap());
        assert!(ours.check(&parts.join("."), now).is_none(), "other claims under the old signature");
        for bad in ["", "a", "a.b.c", "...", &"x".repeat(10_000)] {
            assert!(ours.check(bad, now).is_none(), "{bad}");
        }
    }

    #[test]
    fn the_token_does_not_choose_its_algorithm() {
        let (keys, now) = (keys(), Timestamp::from_second(1_700_000_000).unwrap());
        let body = URL_SAFE_NO_PAD.encode(serde_json::to_vec(&claims(now)).unwrap());
        for header in [r#"{"alg":"none"}"#, r#"{"alg":"None","typ":"JWT"}"#] {
            let header = URL_SAFE_NO_PAD.encode(header);
            for signature in ["", "AAAA"] {
                assert!(keys.check(&format!("{header}.{body}.{signature}"), now).is_none(), "{header}");
            }
        }
        // Signed with the public key as if it were a shared secret.
        let public = Ed25519KeyPair::generate().unwrap();
        let shared = EncodingKey::from_secret(public.public_key().as_ref());
        let token = jsonwebtoken::encode(&Header::new(Algorithm::HS256), &claims(now), &shared).unwrap();
        let keys = Keys {
            signing: EncodingKey::from_ed_der(&[]),
            checking: DecodingKey::from_ed_der(public.public_key().as_ref()),
            naming: naming(&[]),
        };
        assert!(keys.check(&token, now).is_none());
    }

    #[test]
    fn a_session_has_one_name_wherever_the_key_is() {
        let text = Keys::generate().unwrap();
        let (here, there) = (Keys::parse(&text).unwrap(), Keys::parse(&text).unwrap());
        let id = here.session_id(&[1; 32], "guid");
        assert_eq!(id, there.session_id(&[1; 32], "guid"));
        assert!(
            [here.session_id(&[2; 32], "guid"), here.session_id(&[1; 32], "other")]
                .iter()
                .all(|other| *other != id)
        );
        assert_ne!(keys().session_id(&[1; 32], "guid"), id);
    }

    #[test]
    fn a_file_that_holds_no_key_is_refused() {
        for bad in ["", "AAAA", "not base64!"] {
            assert!(Keys::parse(bad).is_err());
        }
    }
}
