//! What pages ask for.
//!
//! Every handler begins with a [`Caller`]: the session that the page's token names. What the appliance tells
//! is filtered, and what the user asks for is checked, by that session, at that moment (answers of vCenter
//! are believed for half a minute). Drawing or hiding a button is not a check.
//!
//! What a user may not see is not there: lists leave it out, and asking for it by its id is answered like
//! asking for something that does not exist.

pub mod actions;
pub mod batch;
mod caller;
pub mod changes;
pub mod clouds;
pub mod dashboard;
pub mod events;
pub mod migrations;
pub mod preferences;
pub mod reply;
pub mod samples;
mod scrub;
pub mod session;
mod subjects;
pub mod vcenters;
pub mod vms;
pub mod wave;

pub use caller::{Caller, bearer, client, client_token};
pub use subjects::Subjects;

use hdm_vsphere::MoRef;

use crate::problem::Failure;

/// Reads the parameters of an address, in their order.
fn parameters(query: Option<&str>) -> Vec<(String, String)> {
    url::form_urlencoded::parse(query.unwrap_or_default().as_bytes()).into_owned().collect()
}

/// Reads a number among parameters.
fn number<T: std::str::FromStr>(name: &str, value: &str) -> Result<T, Failure> {
    value.parse().map_err(|_| Failure::bad_request(format!("The parameter '{name}' is not a number.")))
}

/// What is not a parameter of an address.
fn no_parameter(name: &str) -> Failure {
    let name: String = name.chars().take(40).collect();
    Failure::bad_request(format!("This address has no parameter '{name}'."))
}

/// A VM by its managed object id.
fn vm(id: &str) -> Result<MoRef, Failure> {
    object("VirtualMachine", id)
}

/// A cluster by its managed object id. What is no cluster of a vCenter is a standalone host's.
fn cluster(id: &str) -> Result<MoRef, Failure> {
    let kind = if id.starts_with("domain-s") { "ComputeResource" } else { "ClusterComputeResource" };
    object(kind, id)
}

fn object(kind: &str, id: &str) -> Result<MoRef, Failure> {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    if id.is_empty() || id.len() > 128 || !id.chars().all(plain) {
        return Err(Failure::bad_request("An object is named by its managed object id, such as vm-12."));
    }
    Ok(MoRef::new(kind, id))
}
