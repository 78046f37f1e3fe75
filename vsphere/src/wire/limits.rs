//! The limits of every call.

use std::time::Duration;

/// What a call may cost at most. The defaults suit a vCenter with 10,000 VMs.
#[derive(Clone, Debug)]
pub struct Limits {
    /// For the TCP and TLS handshakes.
    pub connect: Duration,
    /// For a whole call but [`Self::long_poll`].
    pub call: Duration,
    /// How long a WaitForUpdatesEx may be held by the server.
    pub long_poll: Duration,
    /// The largest answer, in bytes.
    pub body_bytes: usize,
    /// How many calls may be under way at once in one session.
    pub concurrent_calls: usize,
    /// The deepest XML nesting.
    pub xml_depth: usize,
    /// The most XML nodes of one answer, text and attributes counted.
    pub xml_nodes: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(10),
            call: Duration::from_secs(60),
            long_poll: Duration::from_secs(30),
            body_bytes: 64 << 20,
            concurrent_calls: 16,
            xml_depth: 64,
            xml_nodes: 5_000_000,
        }
    }
}
