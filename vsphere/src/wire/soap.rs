//! SOAP 1.1 envelopes of vim25, and faults.

use std::collections::BTreeMap;

use super::limits::Limits;
use super::xml::{self, Node};
use super::xml_write::XmlWriter;
use crate::MoRef;
use crate::error::Fault;

/// The envelope of a call.
pub(crate) fn envelope(operation: &str, this: &MoRef, arguments: impl FnOnce(&mut XmlWriter)) -> String {
    wrap("urn:vim25", "", operation, this, arguments)
}

/// The envelope of a call of the storage policies' service, which takes the vSphere API's session in a header
/// (vSphere Storage Policy programming guide: sharing a session).
pub(crate) fn storage_envelope(
    cookie: &str,
    operation: &str,
    this: &MoRef,
    arguments: impl FnOnce(&mut XmlWriter),
) -> String {
    let mut header = XmlWriter::default();
    header.element("soapenv:Header", |w| w.value("vcSessionCookie", cookie.trim_matches('"')));
    wrap("urn:pbm", &header.finish(), operation, this, arguments)
}

fn wrap(
    namespace: &str,
    header: &str,
    operation: &str,
    this: &MoRef,
    arguments: impl FnOnce(&mut XmlWriter),
) -> String {
    let mut writer = XmlWriter::default();
    writer.moref("_this", this);
    arguments(&mut writer);
    let body = writer.finish();
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\
         <soapenv:Envelope xmlns:soapenv=\"http://schemas.xmlsoap.org/soap/envelope/\" \
         xmlns:xsd=\"http://www.w3.org/2001/XMLSchema\" xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\">\
         {header}<soapenv:Body><{operation} xmlns=\"{namespace}\">{body}</{operation}></soapenv:Body></soapenv:Envelope>"
    )
}

/// What a server answered.
pub(crate) enum Answer {
    /// The element `<OperationResponse>`.
    Response(Node),
    /// A fault.
    Fault(Fault),
}

/// Reads an envelope. The error is a sentence.
pub(crate) fn read_answer(text: &str, limits: &Limits) -> Result<Answer, String> {
    let mut envelope = xml::read(text, limits)?;
    let body = envelope.child_mut("Body").ok_or("there is no SOAP body")?;
    let first = body.children.drain(..).next().ok_or("the SOAP body is empty")?;
    if first.name != "Fault" {
        return Ok(Answer::Response(first));
    }
    let message = first.string("faultstring");
    let detail = first.child("detail").and_then(|detail| detail.children.first());
    Ok(Answer::Fault(match detail {
        // `<InvalidLoginFault xsi:type="InvalidLogin">`: the type names the fault, the element at need.
        Some(node) => fault_of(node, node.name.trim_end_matches("Fault"), message),
        None => Fault { kind: "Unknown".into(), message, detail: BTreeMap::new() },
    }))
}

/// Reads a `LocalizedMethodFault`, as tasks and leases carry it.
pub(crate) fn read_fault(node: &Node) -> Fault {
    let message = node.string("localizedMessage");
    match node.child("fault") {
        Some(fault) => fault_of(fault, "Unknown", message),
        None => Fault { kind: "Unknown".into(), message, detail: BTreeMap::new() },
    }
}

/// How much of a fault's text is kept; servers have been seen to send stack traces.
const MAX_TEXT: usize = 2_000;

fn fault_of(node: &Node, fallback: &str, mut message: String) -> Fault {
    let kind = node.xsi_type.clone().unwrap_or_else(|| fallback.to_owned());
    if message.is_empty() {
        let texts = node.all("faultMessage").map(|text| text.string("message"));
        message = texts.filter(|text| !text.is_empty()).collect::<Vec<_>>().join("; ");
    }
    let detail = node
        .children
        .iter()
        .filter(|child| child.children.is_empty() && !child.text.is_empty())
        .map(|child| (child.name.clone(), clip(&child.text)))
        .collect();
    Fault { kind, message: clip(&message), detail }
}

fn clip(text: &str) -> String {
    text.chars().take(MAX_TEXT).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    fn answer(body: &str) -> Answer {
        let text = format!(
            "<e:Envelope xmlns:e='http://schemas.xmlsoap.org/soap/envelope/' \
             xmlns:xsi='http://www.w3.org/2001/XMLSchema-instance'><e:Body>{body}</e:Body></e:Envelope>"
        );
        read_answer(&text, &Limits::default()).unwrap()
    }

    #[test]
    fn a_fault_keeps_its_name_message_and_fields() {
        let text = "<e:Fault><faultcode>ServerFaultCode</faultcode><faultstring>No such object</faultstring><detail>\
                    <ManagedObjectNotFoundFault xmlns='urn:vim25' xsi:type='ManagedObjectNotFound'>\
                    <obj type='Task'>task-7</obj></ManagedObjectNotFoundFault></detail></e:Fault>";
        let Answer::Fault(fault) = answer(text) else { panic!("no fault") };
        assert_eq!(fault.kind, "ManagedObjectNotFound");
        assert_eq!(fault.message, "No such object");
        assert_eq!(fault.detail["obj"], "task-7");
    }

    #[test]
    fn a_fault_without_a_type_is_named_by_its_element() {
        let Answer::Fault(fault) = answer("<e:Fault><detail><NotAuthenticatedFault/></detail></e:Fault>")
        else {
            panic!("no fault")
        };
        assert_eq!(fault.kind, "NotAuthenticated");
    }

    #[test]
    fn anything_else_is_the_response() {
        let Answer::Response(node) =
            answer("<CurrentTimeResponse><returnval>t</returnval></CurrentTimeResponse>")
        else {
            panic!("no response")
        };
        assert_eq!(node.string("returnval"), "t");
    }
}
