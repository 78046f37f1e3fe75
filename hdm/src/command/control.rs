//! `hdm cancel`, `hdm pause` and `hdm resume`.

use hdm_shared::migration::MigrationView;

use super::status;
use crate::cli::Output;
use crate::client::{Client, encode};
use crate::failure::Failure;
use crate::output;

/// Asks for one of the three.
pub async fn run(client: &Client, output: Output, id: &str, what: &str) -> Result<(), Failure> {
    let path = format!("/migrations/{}/{what}", encode(id));
    let view: MigrationView = client.post(&path, &serde_json::json!({})).await?;
    if output == Output::Json {
        output::json(&view)
    } else {
        status::show(output, std::slice::from_ref(&view))
    }
}
