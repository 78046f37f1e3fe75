//! Hosts: where their files are reached, and how much of them is used.

use crate::MoRef;
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

/// How much of a host is used, as vCenter knew it at its last look (`summary.quickStats`).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HostUsage {
    /// Its cluster or compute resource.
    pub parent: Option<MoRef>,
    /// Whether vCenter is connected to it; what it says of another is old.
    pub connected: bool,
    /// What its processors can do in all, in MHz.
    pub cpu_mhz: u64,
    /// What of that is used.
    pub cpu_used_mhz: u64,
    /// Its memory.
    pub memory_bytes: u64,
    /// What of that is used.
    pub memory_used_bytes: u64,
}

impl Session {
    /// How much of each host is used now.
    pub async fn host_usage(&self) -> Result<Vec<HostUsage>, Error> {
        const PATHS: &[&str] = &[
            "parent",
            "runtime.connectionState",
            "summary.hardware.cpuMhz",
            "summary.hardware.numCpuCores",
            "summary.hardware.memorySize",
            "summary.quickStats",
        ];
        const MIB: u64 = 1 << 20;
        let hosts = self.read_all("HostSystem", PATHS).await?;
        let usage = hosts.iter().map(|(_, bag)| {
            let number = |path: &str| bag.get(path).and_then(|v| v.text.parse::<u64>().ok()).unwrap_or(0);
            let stats = |field: &str| {
                bag.get("summary.quickStats").and_then(|stats| stats.parsed::<u64>(field)).unwrap_or(0)
            };
            HostUsage {
                parent: bag.get("parent").and_then(crate::wire::Node::moref),
                connected: bag.get("runtime.connectionState").is_some_and(|v| v.text == "connected"),
                cpu_mhz: number("summary.hardware.cpuMhz")
                    .saturating_mul(number("summary.hardware.numCpuCores")),
                cpu_used_mhz: stats("overallCpuUsage"),
                memory_bytes: number("summary.hardware.memorySize"),
                memory_used_bytes: stats("overallMemoryUsage").saturating_mul(MIB),
            }
        });
        Ok(usage.collect())
    }

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
