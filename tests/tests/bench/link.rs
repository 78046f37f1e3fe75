//! One disk over a link between the sites that is thin and long.

use hdm_tests::lab::vm;
use serde_json::json;

use crate::disks::bytes_as_f64;
use crate::stage::Stage;
use crate::table::{Goals, Values, head, row};
use crate::{hdm, others, rounds};

const MBIT_PER_SECOND: f64 = 100.0;
/// Of each direction.
const DELAY_MS: u64 = 50;
const DISK_MIB: u64 = 128;

/// How much of the link is used.
pub async fn thin(goals: &mut Goals) {
    let stage = Stage::new(json!([vm("vm-0", &[DISK_MIB])]), json!({"link": {}})).await;
    others::pipe(&stage.lab, &["vm-0"]).await;
    let shape = json!({"bandwidth_mbit": MBIT_PER_SECOND, "delay_ms": DELAY_MS});
    stage.lab.cloud.shape_link(shape).await;
    let [mut ours, mut our_data, mut pipe, mut pipe_data] = std::array::from_fn(|_| Values::default());
    for _ in 0..rounds() {
        let moved = hdm::round(&stage, &["vm-0"], false).await;
        let ideal = bytes_as_f64(moved.wire_bytes) * 8.0 / 1e6 / MBIT_PER_SECOND;
        ours.add(ideal / moved.seconds);
        our_data.add(ideal / moved.data_seconds);
        let copied = others::pipe(&stage.lab, &["vm-0"]).await;
        pipe.add(ideal / copied.seconds);
        pipe_data.add(ideal / copied.data_seconds);
    }
    println!("\n### A link of {MBIT_PER_SECOND} Mbit/s and {DELAY_MS} ms each way, a disk of {DISK_MIB} MiB");
    head(&["way", "of the link, while bytes passed", "with opening and ending the leases"]);
    row(&["HDM", &our_data.shown(3), &ours.shown(3)]);
    row(&["pipe", &pipe_data.shown(3), &pipe.shown(3)]);
    goals.at_least("A link of 100 Mbit/s and 50 ms: what HDM uses of it", 0.9, &our_data);
}
