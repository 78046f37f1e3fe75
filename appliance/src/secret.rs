//! Sealing what must not lie in the database as it is.
//!
//! AES-256-GCM under a key of the appliance's own, kept in a file that only its account can read. What is
//! sealed is bound to a name, so that one row's secret cannot be put into another row.
//!
//! ```text
//! base64( nonce: 12 bytes │ ciphertext │ tag: 16 bytes )
//! ```

use std::path::Path;

use aws_lc_rs::aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hdm_vsphere::Secret;

/// What can go wrong with sealed secrets.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs, reason = "each variant's message says what it is")]
pub enum SecretError {
    #[error("the key file {path} cannot be read: {source}")]
    KeyFile { path: String, source: std::io::Error },
    #[error("the key file {0} does not hold a key of 32 bytes in base64")]
    BadKey(String),
    #[error("the secret of '{0}' cannot be opened: it was sealed with another key, or changed")]
    Damaged(String),
    #[error("the system gives no random numbers")]
    NoRandom,
}

/// The appliance's key.
pub struct Sealer {
    key: RandomizedNonceKey,
}

impl std::fmt::Debug for Sealer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Sealer")
    }
}

/// A new key, as its file holds it.
pub fn new_key() -> Result<String, SecretError> {
    let mut key = [0; 32];
    aws_lc_rs::rand::fill(&mut key).map_err(|_| SecretError::NoRandom)?;
    Ok(STANDARD.encode(key))
}

impl Sealer {
    /// Reads the key from its file.
    pub fn open(path: &Path) -> Result<Self, SecretError> {
        let name = path.display().to_string();
        let text = std::fs::read_to_string(path)
            .map_err(|source| SecretError::KeyFile { path: name.clone(), source })?;
        Self::from_text(&text).ok_or(SecretError::BadKey(name))
    }

    pub(crate) fn from_text(text: &str) -> Option<Self> {
        let bytes = STANDARD.decode(text.trim()).ok()?;
        Some(Self { key: RandomizedNonceKey::new(&AES_256_GCM, &bytes).ok()? })
    }

    /// Seals a secret for a name.
    pub fn seal(&self, name: &str, secret: &Secret) -> Result<String, SecretError> {
        let mut text = secret.reveal().as_bytes().to_vec();
        let nonce = self
            .key
            .seal_in_place_append_tag(Aad::from(name.as_bytes()), &mut text)
            .map_err(|_| SecretError::NoRandom)?;
        let mut sealed = nonce.as_ref().to_vec();
        sealed.append(&mut text);
        Ok(STANDARD.encode(sealed))
    }

    /// Opens what was sealed for a name.
    pub fn unseal(&self, name: &str, sealed: &str) -> Result<Secret, SecretError> {
        let damaged = || SecretError::Damaged(name.to_owned());
        let bytes = STANDARD.decode(sealed).map_err(|_| damaged())?;
        let (nonce, text) = bytes.split_at_checked(NONCE_LEN).ok_or_else(damaged)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| damaged())?;
        let mut text = text.to_vec();
        let plain =
            self.key.open_in_place(nonce, Aad::from(name.as_bytes()), &mut text).map_err(|_| damaged())?;
        std::str::from_utf8(plain).map(Secret::new).map_err(|_| damaged())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn a_secret_opens_only_with_its_key_and_for_its_name() {
        let sealer = Sealer::from_text(&new_key().unwrap()).unwrap();
        let sealed = sealer.seal("onprem", &Secret::new("pässword")).unwrap();
        assert!(!sealed.contains("pässword"));
        assert_ne!(sealed, sealer.seal("onprem", &Secret::new("pässword")).unwrap(), "a nonce is used once");
        assert_eq!(sealer.unseal("onprem", &sealed).unwrap().reveal(), "pässword");
        assert!(sealer.unseal("cloud", &sealed).is_err());
        let other = Sealer::from_text(&new_key().unwrap()).unwrap();
        assert!(other.unseal("onprem", &sealed).is_err());
        for damaged in ["", "AAAA", "not base64!"] {
            assert!(sealer.unseal("onprem", damaged).is_err());
        }
    }
}
