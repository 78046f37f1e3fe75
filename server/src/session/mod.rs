//! Sessions: from the vSphere Client's token to a session of the user's own at one vCenter.
//!
//! ```text
//! page ── Client's token, guid ──► table ── clone ticket ──► vCenter      (proof that the Client is logged in)
//!                                   │  └─── CloneSession ──► vCenter      (one for each token and guid)
//! page ◄── JWT: user, guid, clone ──┘
//! ```
//!
//! | module | subject |
//! |---|---|
//! | [`table`] | which sessions are held, and which goes when there are too many |
//! | [`user`] | what is asked of vCenter in a user's session |
//! | [`rights`] | what the user may do, remembered for half a minute |
//! | [`budget`] | how often vCenter is asked for tickets |

pub mod budget;
pub mod rights;
pub mod table;
pub mod user;

pub use rights::Rights;
pub use table::{InUse, Limits, Link, Table};
pub use user::{Gate, LiveGate, UserSession};
