//! `hdm retry`.

use hdm_shared::migration::MigrationView;

use super::{migrate, status};
use crate::cli::{Output, Retry};
use crate::client::{Client, encode};
use crate::failure::Failure;

/// Lets a migration go on, or starts it anew. What is given is changed, and all else stays as it was.
pub async fn run(client: &Client, output: Output, asked: Box<Retry>) -> Result<(), Failure> {
    let body = serde_json::json!({
        "target": migrate::target_change(asked.target),
        "options": migrate::options_change(asked.options),
    });
    let views: Vec<MigrationView> =
        client.post(&format!("/migrations/{}/retry", encode(&asked.id)), &body).await?;
    status::show(output, &views)
}
