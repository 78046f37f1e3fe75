//! The families of troubles, and how each is drawn.

use fastrand::Rng;
use serde_json::{Value, json};

use crate::trouble::{Deed, Trouble};

/// Draws a trouble for a round with these VMs.
type Family = fn(&mut Rng, &[String]) -> Trouble;

/// All families, with how often each is drawn.
pub const ALL: &[(u32, Family)] = &[
    (14, kill),
    (5, cancel),
    (1, pause),
    (1, cancelled_task),
    (7, lost_answer),
    (3, outage),
    (3, expired),
    (8, transfer_trouble),
    (5, refusal),
    (5, task_trouble),
    (2, forgotten),
    (8, meddler),
    (1, no_room),
    (2, link),
    (1, full_disk),
    (1, asleep),
    (2, database),
    (1, plugin_server),
    (2, clock),
];

/// The calls that change something, by site, with about how often a migration makes each.
const WRITES: [&[(&str, u32)]; 2] = [
    &[
        ("CreateTask", 2),
        ("SetTaskState", 4),
        ("SetTaskDescription", 2),
        ("UpdateProgress", 2),
        ("ShutdownGuest", 1),
        ("PowerOffVM_Task", 1),
        ("PowerOnVM_Task", 1),
        ("CreateResourcePool", 1),
        ("MoveIntoResourcePool", 2),
        ("CreateSnapshot_Task", 1),
        ("ExportSnapshot", 1),
        ("HttpNfcLeaseProgress", 2),
        ("HttpNfcLeaseComplete", 1),
        ("HttpNfcLeaseAbort", 1),
        ("ReconfigVM_Task", 2),
        ("RemoveSnapshot_Task", 1),
        ("CancelTask", 1),
        ("PostEvent", 5),
    ],
    &[
        ("CreateTask", 2),
        ("SetTaskState", 4),
        ("SetTaskDescription", 2),
        ("UpdateProgress", 2),
        ("ImportVApp", 1),
        ("ExportVm", 1),
        ("HttpNfcLeaseProgress", 2),
        ("HttpNfcLeaseComplete", 2),
        ("HttpNfcLeaseAbort", 1),
        ("ReconfigVM_Task", 2),
        ("PowerOnVM_Task", 1),
        ("PowerOffVM_Task", 1),
        ("Destroy_Task", 1),
        ("CancelTask", 1),
        ("PostEvent", 5),
    ],
];

/// The calls that only look, or change nothing of a VM, at either site.
const READS: &[(&str, u32)] = &[
    ("RetrievePropertiesEx", 20),
    ("RetrieveServiceContent", 1),
    ("Login", 1),
    ("SessionIsActive", 1),
    ("TerminateSession", 1),
    ("CreateContainerView", 3),
    ("DestroyView", 3),
    ("CreatePropertyCollector", 1),
    ("CreateFilter", 3),
    ("WaitForUpdatesEx", 10),
    ("CreateCollectorForEvents", 3),
    ("QueryEvents", 3),
    ("CreateDescriptor", 1),
    ("CreateImportSpec", 1),
    ("HttpNfcLeaseGetManifest", 1),
    ("HttpNfcLeaseSetManifestChecksumType", 1),
    ("CreateCollectorForTasks", 2),
    ("ReadNextTasks", 2),
    ("DestroyCollector", 2),
    ("DestroyPropertyCollector", 1),
    ("CurrentTime", 1),
    ("FindExtension", 1),
    ("RegisterExtension", 1),
    ("UpdateExtension", 1),
    ("HasPrivilegeOnEntities", 1),
    ("Logout", 1),
    ("RetrieveEntityPermissions", 1),
    ("PbmRetrieveServiceContent", 1),
    ("PbmQueryAssociatedProfiles", 1),
];

/// Those whose tasks can be given another outcome, by site.
const TASKS: [&[&str]; 2] = [
    &[
        "PowerOffVM_Task",
        "PowerOnVM_Task",
        "CreateSnapshot_Task",
        "RemoveSnapshot_Task",
        "ReconfigVM_Task",
        "ReconfigVM_Task",
    ],
    &["ReconfigVM_Task", "ReconfigVM_Task", "PowerOnVM_Task", "PowerOffVM_Task", "Destroy_Task"],
];

/// Whether troubles are drawn for a call.
pub fn knows(cloud: bool, method: &str) -> bool {
    WRITES[usize::from(cloud)].iter().chain(READS).any(|(known, _)| *known == method)
}

fn one<T: Copy>(rng: &mut Rng, of: &[T]) -> T {
    of[rng.usize(..of.len())]
}

fn on_call(rng: &mut Rng, (method, often): (&str, u32)) -> Value {
    json!({"method": method, "nth": rng.u32(1..=4 * often), "user_agent": "HDM/"})
}

/// A call that changes something: the site and when.
fn write(rng: &mut Rng) -> (bool, Value) {
    let cloud = rng.bool();
    let call = one(rng, WRITES[usize::from(cloud)]);
    (cloud, on_call(rng, call))
}

/// Any call.
fn call(rng: &mut Rng) -> (bool, Value) {
    if rng.u8(..3) > 0 {
        return write(rng);
    }
    let read = one(rng, READS);
    (rng.bool(), on_call(rng, read))
}

/// A moment in a transfer, or in reading a copy back: the site and when.
fn transfer(rng: &mut Rng) -> (bool, Value) {
    let cloud = rng.bool();
    let nfc = if cloud && rng.u8(..3) > 0 { "import" } else { "export" };
    let later = [100_000, 900_000, 3_000_000].map(|most| rng.u32(2..most));
    let after = one(rng, &[0, 1, later[0], later[1], later[1], later[2]]);
    (cloud, json!({"nfc": nfc, "after_bytes": after, "nth": rng.u32(1..=6)}))
}

/// A file beside the disks on its way.
fn file(rng: &mut Rng) -> (bool, Value) {
    let cloud = rng.bool();
    (cloud, json!({"nfc": if cloud { "import" } else { "export" }, "file": true, "nth": rng.u32(1..=2)}))
}

/// Some things go on for a while.
fn goes_on(rng: &mut Rng, mut on: Value) -> Value {
    if rng.u8(..4) == 0 {
        on["times"] = json!(rng.u32(2..=5));
    }
    on
}

fn trouble(family: &'static str, (cloud, on): (bool, Value), effect: Value) -> Trouble {
    Trouble { family, cloud, on, effect, member: 0, then: None }
}

/// Somebody acts at the moment of such a call, which is held up a little.
fn deed(rng: &mut Rng, family: &'static str, deed: Deed) -> Trouble {
    let (cloud, on) = if rng.u8(..3) == 0 { transfer(rng) } else { write(rng) };
    let held = if on["nfc"].is_null() { "delay_ms" } else { "stall_ms" };
    Trouble { family, cloud, on, effect: json!({held: rng.u32(50..600)}), member: 0, then: Some(deed) }
}

/// A trouble that kills.
pub fn kill(rng: &mut Rng, _: &[String]) -> Trouble {
    let (family, at, effect) = match rng.u8(..5) {
        0 => ("kill in a transfer", transfer(rng), json!({"kill_pid": 1})),
        1 => {
            let on = json!({"nfc": "import", "file": rng.u8(..4) == 0, "nth": rng.u32(1..=4)});
            (
                "kill after an upload",
                (true, on),
                json!({"kill_pid": 1, "kill_when": "after", "lose_answer": true}),
            )
        }
        2 => ("kill before a call", call(rng), json!({"kill_pid": 1, "kill_when": "before"})),
        _ => {
            let effect = json!({"kill_pid": 1, "kill_when": "after", "lose_answer": true});
            ("kill after a call", write(rng), effect)
        }
    };
    Trouble { member: rng.usize(..2), ..trouble(family, at, effect) }
}

fn vm(rng: &mut Rng, vms: &[String]) -> String {
    vms[rng.usize(..vms.len())].clone()
}

fn cancel(rng: &mut Rng, vms: &[String]) -> Trouble {
    let vm = vm(rng, vms);
    deed(rng, "wish to cancel", Deed::Cancel(vm))
}

fn pause(rng: &mut Rng, vms: &[String]) -> Trouble {
    let (vm, ms) = (vm(rng, vms), rng.u64(200..2_000));
    deed(rng, "wish to pause", Deed::Pause(vm, ms))
}

fn cancelled_task(rng: &mut Rng, _: &[String]) -> Trouble {
    let wish = Deed::CancelTask { cloud: rng.bool(), nth: rng.usize(..12) };
    deed(rng, "wish to cancel a task", wish)
}

fn lost_answer(rng: &mut Rng, _: &[String]) -> Trouble {
    let at = match rng.u8(..6) {
        0 => file(rng),
        1 => {
            let (_, on) = transfer(rng);
            (true, json!({"nfc": "import", "nth": on["nth"]}))
        }
        _ => call(rng),
    };
    let (cloud, on) = at;
    let on = if on["nfc"].is_null() { goes_on(rng, on) } else { on };
    trouble("lost answer", (cloud, on), json!({"lose_answer": true}))
}

fn outage(rng: &mut Rng, _: &[String]) -> Trouble {
    let at = if rng.bool() { transfer(rng) } else { call(rng) };
    let down = [rng.u32(10..200), rng.u32(200..1_500), rng.u32(1_500..4_000)];
    let stop = json!({"down_ms": one(rng, &down), "leave_half_made": rng.bool()});
    trouble("outage", at, json!({"stop": stop}))
}

fn expired(rng: &mut Rng, _: &[String]) -> Trouble {
    let at = if rng.u8(..3) == 0 { transfer(rng) } else { call(rng) };
    trouble("expired sessions", at, json!({"expire_sessions": true}))
}

fn transfer_trouble(rng: &mut Rng, _: &[String]) -> Trouble {
    if rng.u8(..8) == 0 {
        let (cloud, on) = file(rng);
        return trouble(
            "broken file",
            (cloud, goes_on(rng, on)),
            json!({"http_status": one(rng, &[500, 503])}),
        );
    }
    let (cloud, on) = transfer(rng);
    let (family, effect) = match rng.u8(..7) {
        0 | 1 => ("cut transfer", json!({"cut": true})),
        2 if on["nfc"] == "export" => ("truncated transfer", json!({"truncate": true})),
        2 | 3 => ("damaged transfer", json!({"flip_lba": true, "flip_bit": rng.u32(..40)})),
        4 => ("refused transfer", json!({"http_status": one(rng, &[403, 500, 503])})),
        // Nothing may move for three seconds.
        5 => ("long stall", json!({"stall_ms": rng.u32(3_500..6_000)})),
        _ => ("short stall", json!({"stall_ms": rng.u32(100..1_500)})),
    };
    trouble(family, (cloud, goes_on(rng, on)), effect)
}

fn refusal(rng: &mut Rng, _: &[String]) -> Trouble {
    let (cloud, on) = call(rng);
    let on = goes_on(rng, on);
    if rng.u8(..4) == 0 {
        return trouble("HTTP error", (cloud, on), json!({"http_status": one(rng, &[500, 502, 503])}));
    }
    let faults = [
        "RuntimeFault",
        "SystemError",
        "TaskInProgress",
        "ResourceInUse",
        "InvalidState",
        "HostCommunication",
        "NotAuthenticated",
        "GenericVmConfigFault",
    ];
    trouble("refused call", (cloud, on), json!({"fault": one(rng, &faults)}))
}

fn task_trouble(rng: &mut Rng, _: &[String]) -> Trouble {
    let cloud = rng.bool();
    let method = one(rng, TASKS[usize::from(cloud)]);
    let on = on_call(rng, (method, 1));
    let on = goes_on(rng, on);
    let faults = [
        "SystemError",
        "InvalidHostState",
        "GenericVmConfigFault",
        "FileLocked",
        "Timedout",
        "TaskInProgress",
    ];
    match rng.u8(..5) {
        0 | 1 => {
            trouble("failed task", (cloud, on), json!({"task": "fail", "task_fault": one(rng, &faults)}))
        }
        2 => trouble("hanging task", (cloud, on), json!({"task": "hang"})),
        _ => {
            // A task may take four seconds.
            let late = [rng.u32(300..2_500), rng.u32(4_500..6_500)];
            trouble("late task", (cloud, on), json!({"task": "late", "delay_ms": one(rng, &late)}))
        }
    }
}

fn forgotten(rng: &mut Rng, _: &[String]) -> Trouble {
    let forget = Deed::Forget { cloud: rng.bool() };
    deed(rng, "forgotten tasks", forget)
}

fn meddler(rng: &mut Rng, vms: &[String]) -> Trouble {
    let cloud = rng.bool();
    let acts = [
        "power_on",
        "power_on",
        "power_off",
        "reconfigure",
        "reconfigure",
        "snapshot",
        "snapshot",
        "destroy",
    ];
    let meddle = Deed::Meddle { cloud, vm: vm(rng, vms), act: one(rng, &acts) };
    deed(rng, "meddler", meddle)
}

fn no_room(rng: &mut Rng, _: &[String]) -> Trouble {
    let full = Deed::Room { free_bytes: one(rng, &[0, 1 << 20, 3 << 20]), ms: rng.u64(300..4_000) };
    deed(rng, "full datastore", full)
}

fn link(rng: &mut Rng, _: &[String]) -> Trouble {
    let cloud = rng.u8(..4) > 0;
    let (family, shape) = if rng.bool() {
        ("cut link", json!({"cut": true}))
    } else {
        ("thin link", json!({"bandwidth_mbit": 5, "delay_ms": one(rng, &[20, 100, 200])}))
    };
    let link = Deed::Link { cloud, shape, ms: rng.u64(1_000..6_000) };
    deed(rng, family, link)
}

/// A link that is cut or thin for up to a minute and a half, as long as nothing else of the storm lasts.
pub fn long_link(rng: &mut Rng) -> Trouble {
    let thin = json!({"bandwidth_mbit": 5, "delay_ms": 200});
    let (family, shape) =
        if rng.u8(..3) > 0 { ("long cut of a link", json!({"cut": true})) } else { ("long thin link", thin) };
    let link = Deed::Link { cloud: rng.u8(..4) > 0, shape, ms: rng.u64(10_000..=90_000) };
    deed(rng, family, link)
}

fn full_disk(rng: &mut Rng, _: &[String]) -> Trouble {
    let full = Deed::FullDisk { ms: rng.u64(200..5_000) };
    deed(rng, "full own disk", full)
}

/// Longer than a lease, or not.
fn asleep(rng: &mut Rng, _: &[String]) -> Trouble {
    let sleep = Deed::Sleep { member: rng.usize(..2), ms: rng.u64(500..6_000) };
    deed(rng, "sleep of an appliance", sleep)
}

fn database(rng: &mut Rng, _: &[String]) -> Trouble {
    let crash = rng.bool();
    let longest = one(rng, &[6_000, 6_000, 6_000, 20_000]);
    let stop = Deed::Database { crash, ms: rng.u64(1_000..longest) };
    deed(rng, if crash { "crash of PostgreSQL" } else { "restart of PostgreSQL" }, stop)
}

fn plugin_server(rng: &mut Rng, _: &[String]) -> Trouble {
    deed(rng, "kill of the plugin server", Deed::KillPlugin)
}

fn clock(rng: &mut Rng, _: &[String]) -> Trouble {
    let seconds = one(rng, &[3_600, -3_600, 3_600, -3_600, 20, -20, 86_400]);
    let ms = rng.u64(500..12_000);
    if rng.u8(..3) == 0 {
        return deed(rng, "jump of the plugin server's clock", Deed::PluginClock { seconds, ms });
    }
    let clock = Deed::Clock { member: rng.usize(..2), seconds, ms };
    deed(rng, "jump of the clock", clock)
}
