//! The stable words of findings and problems. Scripts compare them, `docs/operations.md` explains each, and a build for
//! debugging refuses one that is missing here.

/// What checks find: [`Finding::code`](crate::problem::Finding::code).
#[rustfmt::skip]
pub const FINDINGS: &[&str] = &[
    "adapter-unknown", "already-moving", "certificate-name", "cluster-ambiguous", "cluster-missing", "cluster-needed",
    "cluster-unknown", "cluster-without-host", "consolidation-needed", "controller-unsupported", "cpus-out-of-range",
    "custom-attributes-not-carried", "datastore-ambiguous", "datastore-inaccessible", "datastore-is-cluster",
    "datastore-maintenance", "datastore-missing", "datastore-needed", "datastore-not-seen", "datastore-unknown",
    "device-not-carried", "disk-encrypted", "disk-independent", "disk-multi-writer", "disk-rdm", "disk-shared-bus",
    "disk-size-unknown", "encrypted", "fault-tolerance", "firmware-unsupported", "folder-ambiguous", "folder-elsewhere",
    "folder-missing", "folder-needed", "folder-unknown", "folder-wrong-kind", "hardware-version-unsupported",
    "host-ambiguous", "host-certificate", "host-certificate-unknown", "host-disconnected", "host-maintenance",
    "host-missing", "host-needed", "host-not-in-cluster", "host-sees-no-datastore", "host-sees-no-network",
    "host-unknown", "host-unreachable", "iso-not-carried", "linked-clone", "mac-in-use", "mac-reserved", "managed-by",
    "memory-out-of-range", "method-disabled", "moved-already", "name-not-offered", "name-reserved", "name-taken",
    "name-unusable", "named-twice", "network-ambiguous", "network-missing", "network-needed", "network-not-seen",
    "network-unknown", "network-unmapped", "not-permitted", "nvdimm", "older-version", "other-properties-not-carried",
    "passthrough", "permissions-not-carried", "plan-mistake", "plugin-certificate", "plugin-manifest",
    "plugin-unreachable", "plugin-url", "pool-ambiguous", "pool-elsewhere", "pool-missing", "pool-needed", "pool-unknown", "powered-on",
    "privileges-missing", "question-pending", "snapshots-not-carried", "source-pool-impossible", "space-short",
    "sr-iov", "storage-policy-not-carried", "suspended", "tags-not-carried", "target-not-released", "task-running",
    "template", "timeout-out-of-range", "types-missing", "vapp-member", "vcenter-login", "vgpu", "vm-ambiguous",
    "vm-inaccessible", "vm-missing", "vm-needed", "vm-unknown", "vtpm",
];

/// Kinds of problems, behind [`PROBLEM`].
#[rustfmt::skip]
pub const PROBLEMS: &[&str] = &[
    "appliance-away", "bad-request", "busy", "cancelled", "certificate", "client-session", "conflict", "cross-site",
    "database", "failed", "forbidden", "idempotency-key-reused", "internal", "login", "media-type", "method",
    "method-not-allowed", "needs-operator", "not-admitted", "not-found", "not-json", "registration", "session-unknown",
    "too-large", "too-many", "too-slow", "unauthorized", "unreachable", "vcenter", "vcenter-unknown",
];

/// How every problem's type begins.
pub const PROBLEM: &str = "urn:hdm:problem:";

/// The type of a kind of problem, which may be the whole type already.
pub fn problem_type(kind: &str) -> String {
    let kind = kind.strip_prefix(PROBLEM).unwrap_or(kind);
    debug_assert!(PROBLEMS.contains(&kind), "'{kind}' is missing in codes::PROBLEMS");
    format!("{PROBLEM}{kind}")
}
