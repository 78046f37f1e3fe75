//! `hdm vms`.

use hdm_shared::problem::Finding;
use hdm_shared::vm::VmPage;

use crate::cli::{Output, Vms};
use crate::client::Client;
use crate::failure::Failure;
use crate::output;

/// Lists the VMs of the sources.
pub async fn run(client: &Client, output: Output, asked: Vms) -> Result<(), Failure> {
    let mut query = vec![("limit", asked.limit.to_string())];
    let mut add = |key, value: Option<String>| query.extend(value.map(|value| (key, value)));
    add("name", asked.name);
    add("vcenter", asked.vcenter);
    add("cluster", asked.cluster);
    add(
        "movable",
        if asked.movable { Some(true) } else { asked.blocked.then_some(false) }.map(|b| b.to_string()),
    );
    let page: VmPage = client.find("/vms", &query).await?;
    if output == Output::Json {
        return output::json(&page);
    }
    let mut table =
        output::table(&["id", "path", "cluster", "power", "cpu", "memory", "disks", "size", "blocked by"]);
    let shown = page.vms.len();
    let mut obstacles = Vec::new();
    for vm in page.vms {
        let blocking = vm.findings.iter().filter(|finding| finding.blocks());
        let lines: Vec<String> = blocking.map(|f| format!("  {}", output::finding(f))).collect();
        if !lines.is_empty() {
            obstacles.push(format!("{}\n{}", vm.path, lines.join("\n")));
        }
        let blockers: Vec<&str> =
            vm.findings.iter().filter(|f| Finding::blocks(f)).map(|f| f.code.as_str()).collect();
        table.add_row([
            vm.vm.to_string(),
            vm.path,
            vm.cluster,
            if vm.powered_on { "on".into() } else { "off".into() },
            vm.cpus.to_string(),
            output::bytes(vm.memory_mib << 20),
            vm.disks.to_string(),
            output::bytes(vm.capacity_bytes),
            blockers.join(", "),
        ]);
    }
    output::print(&table);
    if page.total > shown as u64 {
        println!("{shown} of {} are shown; --limit shows more.", page.total);
    }
    for obstacle in obstacles {
        println!("\n{obstacle}");
    }
    println!(
        "\nThis is what the inventory tells. A full check, also of disabled methods, of tasks that run and of the \
         target, is `hdm migrate cold VM --cloud … --dry-run`."
    );
    Ok(())
}
