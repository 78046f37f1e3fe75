//! Files at ESXi hosts: reading, writing, and checking what passes.

mod content;
mod export;
mod pipe;
mod rate;
mod stream_check;

pub use export::{Export, PipeLimits, PipeProgress, Piped};
pub use pipe::Pipe;
pub use rate::RateLimit;
pub use stream_check::{StreamChecker, StreamDamage};
