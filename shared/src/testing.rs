//! Values for tests.

use jiff::Timestamp;

use crate::display::MigrationKind;
use crate::ids::{MigrationId, ObjectId, VcenterId};
use crate::migration::{MigrationState, MigrationView};

/// A vCenter's name.
///
/// # Panics
///
/// If it is none.
#[allow(clippy::expect_used, reason = "tests")]
pub fn vcenter(name: &str) -> VcenterId {
    name.parse().expect("a vCenter's name")
}

/// A running migration of a VM of the vCenter `onprem` to the vCenter `cloud`.
pub fn migration(id: MigrationId, moid: &str, vm_name: &str) -> MigrationView {
    MigrationView {
        id,
        vm: ObjectId { vcenter: vcenter("onprem"), moid: moid.into() },
        kind: MigrationKind::Cold,
        vm_name: vm_name.into(),
        source_cluster: "C0".into(),
        source_cluster_id: "domain-c1".into(),
        cloud: vcenter("cloud"),
        target_name: vm_name.into(),
        target_vm: None,
        state: MigrationState::Running,
        step: None,
        step_label: None,
        steps_done: 0,
        steps_total: 12,
        committed: false,
        queue_position: None,
        schedule: None,
        limit_mbit_per_second: None,
        starts_at: None,
        window_over: false,
        attempt: 1,
        attempts_max: 3,
        waiting_for: None,
        waiting_since: None,
        disks: Vec::new(),
        estimate: None,
        dismissed: false,
        cancel_requested: false,
        task: None,
        error: None,
        warnings: Vec::new(),
        question: None,
        requested_by: "ann".into(),
        created_at: Timestamp::UNIX_EPOCH,
        started_at: None,
        ended_at: None,
    }
}

/// A request as a fuzzer writes it: a line of method and address, lines of headers, an empty line, and the body.
#[derive(Debug)]
pub struct WrittenRequest<'a> {
    /// The method.
    pub method: &'a str,
    /// The address, which begins with `/`.
    pub path: &'a str,
    /// The headers, by name, in any case.
    pub headers: Vec<(&'a str, &'a [u8])>,
    /// The body.
    pub body: &'a [u8],
}

impl<'a> WrittenRequest<'a> {
    /// Reads one, if it is one.
    pub fn read(text: &'a [u8]) -> Option<Self> {
        let mut lines = text.splitn(2, |byte| *byte == b'\n');
        let (method, path) = std::str::from_utf8(lines.next()?).ok()?.split_once(' ')?;
        let mut request = Self { method, path, headers: Vec::new(), body: &[] };
        let mut rest = lines.next().unwrap_or_default();
        while !rest.is_empty() {
            let end = rest.iter().position(|byte| *byte == b'\n').unwrap_or(rest.len());
            let line = &rest[..end];
            rest = rest.get(end + 1..).unwrap_or_default();
            if line.is_empty() {
                request.body = rest;
                break;
            }
            let colon = line.iter().position(|byte| *byte == b':')?;
            let name = std::str::from_utf8(&line[..colon]).ok()?;
            request.headers.push((name, line[colon + 1..].trim_ascii()));
        }
        Some(request)
    }

    /// Whether it has a header.
    pub fn has(&self, name: &str) -> bool {
        self.headers.iter().any(|(known, _)| known.eq_ignore_ascii_case(name))
    }
}
