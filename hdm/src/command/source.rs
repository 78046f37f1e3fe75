//! `hdm source`.

use serde_json::{Value, json};

use crate::cli::Output;
use crate::client::Client;
use crate::failure::Failure;
use crate::output;

/// Releases the source of a migration.
pub async fn release(client: &Client, output: Output, vm: String) -> Result<(), Failure> {
    let done: Value = client.post("/sources/release", &json!({ "vm": vm })).await?;
    if output == Output::Json {
        return output::json(&done);
    }
    println!("{}", done["message"].as_str().unwrap_or_default());
    Ok(())
}
