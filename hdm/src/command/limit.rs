//! `hdm limit`.

use hdm_shared::limit::BandwidthLimit;
use hdm_shared::migration::MigrationView;

use super::status;
use crate::cli::{Limit, Output};
use crate::client::{Client, encode};
use crate::failure::Failure;
use crate::output;

/// Limits what is sent, or shows the limit.
pub async fn run(client: &Client, output: Output, asked: Limit) -> Result<(), Failure> {
    let limit = asked.mbit_per_second.map(|limit| BandwidthLimit { mbit_per_second: limit.0 });
    if let Some(id) = asked.migration {
        let path = format!("/migrations/{}", encode(&id));
        let view: MigrationView = match limit {
            Some(limit) => client.put(&format!("{path}/limit"), &limit).await?,
            None => client.get(&path).await?,
        };
        return if output == Output::Json {
            output::json(&view)
        } else {
            status::show(output, std::slice::from_ref(&view))
        };
    }
    let limit: BandwidthLimit = match limit {
        Some(limit) => client.put("/limit", &limit).await?,
        None => client.get("/limit").await?,
    };
    if output == Output::Json {
        return output::json(&limit);
    }
    match limit.mbit_per_second {
        Some(limit) => println!("The appliance sends at most {limit} Mbit/s."),
        None => println!("The appliance sends as much as it can."),
    }
    Ok(())
}
