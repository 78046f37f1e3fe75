//! How fast VMs are moved, against a perfect pipe and against others' tools, on this machine and in this run.
//!
//! `cargo xtask bench cold` prints it. Nothing here is asserted: a machine's speed is no property of the product.
//! `HDM_BENCH=link,inventory` runs only these parts.

#![allow(clippy::unwrap_used, reason = "a measurement ends with a panic that says where")]

mod disks;
mod estimate;
mod hdm;
mod inventory;
mod link;
mod others;
mod stage;
mod table;

use std::time::Instant;

use table::Goals;

/// How often each thing is measured, in turns: 7 times, unless `HDM_BENCH_ROUNDS` says how often.
fn rounds() -> usize {
    std::env::var("HDM_BENCH_ROUNDS").map_or(7, |rounds| rounds.parse().unwrap())
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "measures for people; `cargo xtask bench cold` runs it"]
async fn cold() {
    let begun = Instant::now();
    let asked = std::env::var("HDM_BENCH").ok();
    let wanted = |part: &str| asked.as_deref().is_none_or(|parts| parts.split(',').any(|one| one == part));
    let mut goals = Goals::default();
    if wanted("one") {
        disks::one(&mut goals).await;
    }
    if wanted("several") {
        disks::several(&mut goals).await;
    }
    if wanted("link") {
        link::thin(&mut goals).await;
    }
    if wanted("inventory") {
        inventory::of_ten_thousand(&mut goals).await;
    }
    if wanted("estimate") {
        estimate::of_changing_rates().await;
    }
    goals.print();
    println!("\nIt took {} s.", begun.elapsed().as_secs());
}
