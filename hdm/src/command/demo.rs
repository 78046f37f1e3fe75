//! `hdm demo`: the main job on simulated sites.

use crate::cli::Demo;
use crate::failure::Failure;

/// Placeholder until the guest boots.
pub async fn run(_asked: Demo) -> Result<(), Failure> {
    Err(Failure::Other("The demonstration is not there yet.".into()))
}
