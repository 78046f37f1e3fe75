//! `hdm retry`.

use hdm_shared::migration::MigrationView;

use super::{migrate, status};
use crate::cli::{Output, Retry};
use crate::client::{Client, encode};
use crate::failure::Failure;

/// Lets a migration go on, or starts it anew. Options that are given replace all of the former ones.
pub async fn run(client: &Client, output: Output, asked: Box<Retry>) -> Result<(), Failure> {
    let target = migrate::target(asked.target);
    let options = migrate::options(asked.options);
    let mut body = serde_json::Map::new();
    if target != hdm_shared::migration::TargetChoice::default() {
        body.insert("target".into(), serde_json::json!(target));
    }
    if options != hdm_shared::migration::ColdOptions::default() {
        body.insert("options".into(), serde_json::json!(options));
    }
    let views: Vec<MigrationView> =
        client.post(&format!("/migrations/{}/retry", encode(&asked.id)), &body).await?;
    status::show(output, &views)
}
