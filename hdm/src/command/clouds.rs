//! `hdm clouds`.

use hdm_shared::vm::CloudView;

use crate::cli::Output;
use crate::client::Client;
use crate::failure::Failure;
use crate::output;

/// Lists the clouds.
pub async fn run(client: &Client, output: Output) -> Result<(), Failure> {
    let clouds: Vec<CloudView> = client.get("/clouds").await?;
    if output == Output::Json {
        return output::json(&clouds);
    }
    for cloud in clouds {
        println!("{}", cloud.vcenter);
        for cluster in cloud.clusters {
            println!("  cluster {} ({})", cluster.path, if cluster.drs { "DRS" } else { "no DRS" });
            println!("    hosts     {}", cluster.hosts.join(", "));
            println!("    pools     {}", cluster.pools.join(", "));
            println!("    networks  {}", cluster.networks.join(", "));
            for datastore in cluster.datastores {
                println!(
                    "    datastore {}: {} free of {}, {} promised",
                    datastore.name,
                    output::bytes(datastore.free_bytes),
                    output::bytes(datastore.capacity_bytes),
                    output::bytes(datastore.reserved_bytes)
                );
            }
        }
        println!("  folders     {}", cloud.folders.join(", "));
    }
    Ok(())
}
