//! HTTP, TLS, SOAP and XML: the layer that knows bytes.

mod http;
mod limits;
mod secret;
mod soap;
mod thumbprint;
mod tls;
mod xml;
mod xml_write;

pub use limits::Limits;
pub use secret::Secret;
pub use thumbprint::Thumbprint;
pub use tls::{PresentedCertificate, probe};

pub use http::{Endpoint, client};
pub(crate) use http::{Http, HttpAnswer, RestAuth, Service, certificate_error};
pub(crate) use soap::{Answer, envelope, read_answer, read_fault, storage_envelope};
pub(crate) use xml::Node;
#[cfg(any(test, feature = "testing"))]
pub(crate) use xml::read as read_xml;
pub(crate) use xml_write::XmlWriter;
