//! `hdm status`.

use hdm_shared::migration::{LogLine, MigrationView};

use crate::cli::{Output, Status};
use crate::client::{Client, encode};
use crate::failure::Failure;
use crate::{output, progress};

/// Shows migrations, or one.
pub async fn run(client: &Client, output: Output, asked: Status) -> Result<(), Failure> {
    let Some(id) = asked.id else {
        let views: Vec<MigrationView> =
            client.find("/migrations", &[("limit", asked.limit.to_string())]).await?;
        if asked.watch {
            let open: Vec<_> = views.iter().filter(|v| !progress::settled(v)).map(|v| v.id).collect();
            let views = progress::watch(client, output, &open).await?;
            return show(output, &views);
        }
        return show(output, &views);
    };
    let path = format!("/migrations/{}", encode(&id));
    let mut view: MigrationView = client.get(&path).await?;
    if asked.watch {
        let views = progress::watch(client, output, &[view.id]).await?;
        view = views.into_iter().next().unwrap_or(view);
    }
    if output == Output::Json {
        output::json(&view)?;
    } else {
        show_one(&view, &whole_log(client, &path).await?);
    }
    if asked.watch { progress::judge(std::slice::from_ref(&view)) } else { Ok(()) }
}

/// A migration's log, page by page.
pub async fn whole_log(client: &Client, path: &str) -> Result<Vec<LogLine>, Failure> {
    let mut log: Vec<LogLine> = Vec::new();
    loop {
        let after = log.last().map_or(0, |line| line.seq);
        let page: Vec<LogLine> = client.get(&format!("{path}/log?after={after}")).await?;
        if page.is_empty() {
            return Ok(log);
        }
        log.extend(page);
    }
}

/// Shows migrations in a table.
pub fn show(output: Output, views: &[MigrationView]) -> Result<(), Failure> {
    if output == Output::Json {
        return output::json(&views);
    }
    let mut table = output::table(&["id", "VM", "to", "size", "status"]);
    for view in views {
        table.add_row([
            view.id.to_string(),
            view.vm_name.clone(),
            format!("{}: {}", view.cloud, view.target_name),
            output::bytes(view.disks.iter().map(|disk| disk.capacity_bytes).sum()),
            progress::line(view),
        ]);
    }
    output::print(&table);
    Ok(())
}

fn show_one(view: &MigrationView, log: &[LogLine]) {
    println!("migration  {}", view.id);
    println!("VM         {} ({})", view.vm_name, view.vm);
    println!("to         {}: {}", view.cloud, view.target_name);
    println!("status     {}", progress::line(view));
    println!("asked by   {} at {:.0}", view.requested_by, view.created_at);
    for disk in &view.disks {
        let checked = match (disk.verified, disk.read_back_bytes) {
            (true, Some(read)) if read == disk.capacity_bytes => ", verified and read back",
            (true, _) => ", verified",
            (false, _) => "",
        };
        println!(
            "disk       {}: {} of {}{checked}",
            disk.label,
            output::bytes(disk.position_bytes),
            output::bytes(disk.capacity_bytes)
        );
        if let Some(checksum) = &disk.checksum {
            println!("           {checksum}");
        }
    }
    for finding in &view.warnings {
        println!("warning    {}", output::finding(finding));
    }
    println!("log");
    for line in log {
        println!("  {:.0}  {:<16} {}", line.at, line.step.as_deref().unwrap_or(""), line.message);
    }
}
