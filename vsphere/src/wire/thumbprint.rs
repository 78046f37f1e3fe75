//! Thumbprints of certificates.

use std::fmt;
use std::str::FromStr;

use aws_lc_rs::digest::{Algorithm, SHA1_FOR_LEGACY_USE_ONLY, SHA256, digest};
use serde::{Deserialize, Serialize};

use crate::error::Error;

/// The hash of a DER certificate. vCenter itself shows SHA-1 ones for hosts; people should compare SHA-256.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Thumbprint {
    /// 20 bytes.
    Sha1([u8; 20]),
    /// 32 bytes.
    Sha256([u8; 32]),
}

impl Thumbprint {
    /// The SHA-1 thumbprint of a certificate.
    pub fn sha1_of(der: &[u8]) -> Self {
        Self::Sha1(hash(&SHA1_FOR_LEGACY_USE_ONLY, der))
    }

    /// The SHA-256 thumbprint of a certificate.
    pub fn sha256_of(der: &[u8]) -> Self {
        Self::Sha256(hash(&SHA256, der))
    }

    /// Whether it is this certificate's.
    pub fn matches(&self, der: &[u8]) -> bool {
        *self == self.same_kind_of(der)
    }

    /// The certificate's thumbprint, of the same kind as `self`.
    pub(crate) fn same_kind_of(self, der: &[u8]) -> Self {
        match self {
            Self::Sha1(_) => Self::sha1_of(der),
            Self::Sha256(_) => Self::sha256_of(der),
        }
    }

    fn bytes(&self) -> &[u8] {
        match self {
            Self::Sha1(bytes) => bytes,
            Self::Sha256(bytes) => bytes,
        }
    }
}

fn hash<const N: usize>(algorithm: &'static Algorithm, der: &[u8]) -> [u8; N] {
    let mut out = [0; N];
    out.copy_from_slice(digest(algorithm, der).as_ref());
    out
}

impl fmt::Display for Thumbprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (n, byte) in self.bytes().iter().enumerate() {
            write!(f, "{}{byte:02X}", if n == 0 { "" } else { ":" })?;
        }
        Ok(())
    }
}

impl fmt::Debug for Thumbprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Thumbprint {
    type Err = Error;

    /// Reads hexadecimal digits of either case, with or without colons.
    fn from_str(s: &str) -> Result<Self, Error> {
        let bad = || Error::BadThumbprint(s.chars().take(100).collect());
        let digits: String = s.trim().chars().filter(|c| *c != ':').collect();
        let bytes = hex::decode(digits).map_err(|_| bad())?;
        if let Ok(bytes) = <[u8; 20]>::try_from(bytes.as_slice()) {
            return Ok(Self::Sha1(bytes));
        }
        <[u8; 32]>::try_from(bytes.as_slice()).map(Self::Sha256).map_err(|_| bad())
    }
}

impl TryFrom<String> for Thumbprint {
    type Error = Error;
    fn try_from(s: String) -> Result<Self, Error> {
        s.parse()
    }
}

impl From<Thumbprint> for String {
    fn from(thumbprint: Thumbprint) -> Self {
        thumbprint.to_string()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn text_and_back_in_either_form() {
        let shown = Thumbprint::sha256_of(b"certificate").to_string();
        assert_eq!(shown.parse::<Thumbprint>().unwrap().to_string(), shown);
        assert_eq!(shown.to_lowercase().replace(':', "").parse::<Thumbprint>().unwrap().to_string(), shown);
        assert!(matches!(Thumbprint::sha1_of(b"x").to_string().parse().unwrap(), Thumbprint::Sha1(_)));
    }

    #[test]
    fn anything_else_is_refused() {
        for bad in ["", "zz", "AA:BB", &"AA:".repeat(33)] {
            assert!(bad.parse::<Thumbprint>().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn it_matches_its_own_certificate_only() {
        assert!(Thumbprint::sha1_of(b"one").matches(b"one"));
        assert!(!Thumbprint::sha1_of(b"one").matches(b"two"));
    }
}
