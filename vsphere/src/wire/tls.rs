//! TLS that trusts one certificate by its thumbprint, and the first look at an unknown one.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use jiff::Timestamp;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, aws_lc_rs, verify_tls12_signature, verify_tls13_signature};
use rustls::{ClientConfig, DigitallySignedStruct, SignatureScheme};
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};
use tokio::net::TcpStream;
use x509_parser::prelude::{FromDer, GeneralName, X509Certificate};

use super::thumbprint::Thumbprint;
use crate::error::Error;

/// The certificate a server presents, for a person to look at. Presenting it proves nothing.
#[derive(Clone, Debug)]
pub struct PresentedCertificate {
    /// Its SHA-1 thumbprint.
    pub sha1: Thumbprint,
    /// Its SHA-256 thumbprint.
    pub sha256: Thumbprint,
    /// Its subject.
    pub subject: String,
    /// The DNS names and IP addresses it is for.
    pub names: Vec<String>,
    /// When it expires.
    pub not_after: Timestamp,
    /// Whether one of its names is the host's that was asked.
    pub names_host: bool,
    /// The certificate itself: PEM with lines of 64 characters (RFC 7468, section 2).
    pub pem: String,
}

/// Connects to `host:port`, looks at the certificate and hangs up. Nothing is sent but the handshake.
pub async fn probe(host_port: &str, timeout: Duration) -> Result<PresentedCertificate, Error> {
    let unreachable = |source: Box<dyn std::error::Error + Send + Sync>| Error::Unreachable {
        vcenter: host_port.to_owned(),
        sent: false,
        source,
    };
    let host = host_port.rsplit_once(':').map_or(host_port, |(host, _)| host);
    let host = host.trim_start_matches('[').trim_end_matches(']');
    let name = ServerName::try_from(host.to_owned()).map_err(|_| Error::BadUrl(host_port.to_owned()))?;
    let seen = Arc::new(Mutex::new(None));
    let config = config(Arc::new(Look { seen: seen.clone(), provider: provider() }))?;
    let shake = async {
        let tcp = TcpStream::connect(host_port).await?;
        tokio_rustls::TlsConnector::from(Arc::new(config)).connect(name, tcp).await
    };
    match tokio::time::timeout(timeout, shake).await {
        Err(_) => {
            return Err(Error::Timeout { vcenter: host_port.into(), operation: "the TLS handshake".into() });
        }
        Ok(Err(e)) => return Err(unreachable(e.into())),
        Ok(Ok(_)) => {}
    }
    let der = seen.lock().ok().and_then(|mut seen| seen.take());
    describe(&der.ok_or_else(|| unreachable("it presented no certificate".into()))?, host)
}

fn describe(der: &[u8], host: &str) -> Result<PresentedCertificate, Error> {
    let (_, certificate) = X509Certificate::from_der(der)
        .map_err(|e| Error::Protocol { operation: "TLS handshake".into(), detail: e.to_string() })?;
    let alternatives = certificate.subject_alternative_name().ok().flatten();
    let names: Vec<String> = alternatives
        .map_or_else(Vec::new, |names| names.value.general_names.iter().filter_map(name_of).collect());
    Ok(PresentedCertificate {
        sha1: Thumbprint::sha1_of(der),
        sha256: Thumbprint::sha256_of(der),
        subject: certificate.subject().to_string(),
        names_host: names.iter().any(|name| covers(name, host)),
        names,
        pem: pem(der),
        not_after: Timestamp::from_second(certificate.validity().not_after.timestamp())
            .unwrap_or(Timestamp::MAX),
    })
}

fn pem(der: &[u8]) -> String {
    use base64::Engine;
    let text = base64::engine::general_purpose::STANDARD.encode(der);
    let mut pem = String::from("-----BEGIN CERTIFICATE-----\n");
    let mut rest = text.as_str();
    while !rest.is_empty() {
        let (line, more) = rest.split_at(rest.len().min(64));
        pem.push_str(line);
        pem.push('\n');
        rest = more;
    }
    pem.push_str("-----END CERTIFICATE-----\n");
    pem
}

fn name_of(name: &GeneralName<'_>) -> Option<String> {
    match name {
        GeneralName::DNSName(name) => Some((*name).to_owned()),
        GeneralName::IPAddress(bytes) => match bytes.len() {
            4 => <[u8; 4]>::try_from(*bytes).ok().map(|b| std::net::Ipv4Addr::from(b).to_string()),
            16 => <[u8; 16]>::try_from(*bytes).ok().map(|b| std::net::Ipv6Addr::from(b).to_string()),
            _ => None,
        },
        _ => None,
    }
}

/// Whether a certificate's name covers a host; a leading `*.` stands for one label (RFC 6125).
fn covers(name: &str, host: &str) -> bool {
    if let (Some(suffix), Some((_, rest))) = (name.strip_prefix("*."), host.split_once('.')) {
        return suffix.eq_ignore_ascii_case(rest);
    }
    name.eq_ignore_ascii_case(host)
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(aws_lc_rs::default_provider())
}

fn config(verifier: Arc<dyn ServerCertVerifier>) -> Result<ClientConfig, Error> {
    let builder = ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .map_err(|e| Error::Tls(e.into()))?;
    // The verifier is stricter than a chain of trust: it accepts one certificate.
    Ok(builder.dangerous().with_custom_certificate_verifier(verifier).with_no_client_auth())
}

/// A client configuration that accepts one certificate.
pub(super) fn pinned(pin: Thumbprint) -> Result<ClientConfig, Error> {
    config(Arc::new(Pin { pin, provider: provider() }))
}

/// What the verifier says of a certificate that is not the pinned one.
#[derive(Debug, thiserror::Error)]
#[error("the certificate's thumbprint is {presented}, not {expected}")]
pub(super) struct WrongCertificate {
    pub(super) expected: Thumbprint,
    pub(super) presented: Thumbprint,
}

#[derive(Debug)]
struct Pin {
    pin: Thumbprint,
    provider: Arc<CryptoProvider>,
}

/// Accepts anything, for one handshake whose connection is thrown away.
#[derive(Debug)]
struct Look {
    seen: Arc<Mutex<Option<Vec<u8>>>>,
    provider: Arc<CryptoProvider>,
}

macro_rules! signatures_by_provider {
    () => {
        fn verify_tls12_signature(
            &self,
            message: &[u8],
            certificate: &CertificateDer<'_>,
            signature: &DigitallySignedStruct,
        ) -> Result<HandshakeSignatureValid, rustls::Error> {
            verify_tls12_signature(
                message,
                certificate,
                signature,
                &self.provider.signature_verification_algorithms,
            )
        }

        fn verify_tls13_signature(
            &self,
            message: &[u8],
            certificate: &CertificateDer<'_>,
            signature: &DigitallySignedStruct,
        ) -> Result<HandshakeSignatureValid, rustls::Error> {
            verify_tls13_signature(
                message,
                certificate,
                signature,
                &self.provider.signature_verification_algorithms,
            )
        }

        fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
            self.provider.signature_verification_algorithms.supported_schemes()
        }
    };
}

impl ServerCertVerifier for Pin {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        if self.pin.matches(end_entity) {
            return Ok(ServerCertVerified::assertion());
        }
        let wrong = WrongCertificate { expected: self.pin, presented: self.pin.same_kind_of(end_entity) };
        Err(rustls::Error::Other(rustls::OtherError(Arc::new(wrong))))
    }

    signatures_by_provider!();
}

impl ServerCertVerifier for Look {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        if let Ok(mut seen) = self.seen.lock() {
            *seen = Some(end_entity.to_vec());
        }
        Ok(ServerCertVerified::assertion())
    }

    signatures_by_provider!();
}

#[cfg(test)]
mod tests {
    use super::covers;

    #[test]
    fn a_name_covers_its_host() {
        assert!(covers("vc.example.org", "VC.example.org"));
        assert!(covers("*.example.org", "vc.example.org"));
        assert!(!covers("*.example.org", "a.b.example.org"));
        assert!(!covers("*.example.org", "example.org"));
        assert!(covers("127.0.0.1", "127.0.0.1"));
    }
}
