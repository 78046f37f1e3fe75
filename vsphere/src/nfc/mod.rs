//! Files at ESXi hosts: reading, writing, and checking what passes.

mod pipe;
mod rate;
mod stream_check;

pub use pipe::{Pipe, PipeLimits, PipeProgress, Piped};
pub use rate::RateLimit;
pub use stream_check::{StreamChecker, StreamDamage};
