//! Reads a whole inventory, then waits for changes, and tells what that took. `cargo xtask bench cold` compares it
//! with other clients.
//!
//! ```text
//! inventory URL USER PASSWORD THUMBPRINT
//! ```
//!
//! Prints a line of JSON when everything is known, and one whenever something has changed.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use hdm_vsphere::{Credentials, Endpoint, Inventory, Limits, Secret, Session};

#[tokio::main(flavor = "multi_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [url, user, password, thumbprint] = arguments.as_slice() else {
        return Err("inventory URL USER PASSWORD THUMBPRINT".into());
    };
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let endpoint =
        Endpoint { name: "vcenter".into(), url: Endpoint::parse_url(url)?, thumbprint: thumbprint.parse()? };
    let credentials = Credentials { user: user.clone(), password: Secret::new(password.as_str()) };
    let memory_before = memory_mb();
    let begun = Instant::now();
    let session = Session::new(endpoint, credentials, Limits::default(), "HDM/bench".into())?;
    session.login().await?;
    let inventory = Inventory::start(session);
    // The first view that is shown is whole.
    let mut changed = inventory.changed();
    tokio::time::timeout(Duration::from_secs(600), changed.changed()).await??;
    let (seconds, vms) = (begun.elapsed().as_secs_f64(), changed.borrow_and_update().vms.len());
    let mut waiting = Instant::now();
    println!(
        "{{\"vms\": {vms}, \"seconds\": {seconds:.4}, \"cpu_seconds\": {:.2}, \"memory_mb\": {:.1}}}",
        cpu_seconds(),
        memory_mb() - memory_before
    );
    loop {
        changed.changed().await?;
        let seconds = waiting.elapsed().as_secs_f64();
        let at = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs_f64();
        println!("{{\"seconds\": {seconds:.6}, \"at\": {at:.6}}}");
        waiting = Instant::now();
    }
}

/// What this process has in memory beside its code, in MB of 1,000,000 bytes.
fn memory_mb() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:")).unwrap_or_default();
    line.trim().trim_end_matches(" kB").parse::<f64>().unwrap_or_default() * 1_024.0 / 1e6
}

/// What it has used of the processors, in seconds.
fn cpu_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let after = stat.rsplit_once(") ").map_or("", |(_, after)| after);
    // Fields 14 and 15 of proc(5), in hundredths; two are before the name's end.
    let ticks = after.split(' ').skip(11).take(2).filter_map(|field| field.parse::<f64>().ok());
    ticks.sum::<f64>() / 100.0
}
