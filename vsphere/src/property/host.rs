//! Hosts: where their files are reached.

use crate::error::Error;
use crate::session::Session;
use crate::wire::Thumbprint;

/// Where a host is reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostAddress {
    /// Its name or address, as it was added to vCenter.
    pub name: String,
    /// Its port, 443 unless it was added under another.
    pub port: u16,
    /// The certificate vCenter knows it by.
    pub thumbprint: Option<Thumbprint>,
}

impl Session {
    /// The addresses of all hosts, by name.
    pub async fn host_addresses(&self) -> Result<Vec<HostAddress>, Error> {
        let hosts = self.read_all("HostSystem", &["summary.config"]).await?;
        let mut addresses: Vec<HostAddress> = hosts
            .iter()
            .filter_map(|(_, bag)| {
                let config = bag.get("summary.config")?;
                Some(HostAddress {
                    name: config.string("name"),
                    port: config.parsed("port").unwrap_or(443),
                    thumbprint: config.text_at("sslThumbprint").and_then(|text| text.parse().ok()),
                })
            })
            .collect();
        addresses.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(addresses)
    }
}
