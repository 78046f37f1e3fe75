//! `cargo xtask demo`: the main job, on simulated sites.

use crate::requirement::{self, guest_image, lab_binary};
use crate::shell::{Done, cache, cargo, command, root, run as run_command, target};
use crate::ui;

/// Sets up, builds, and hands over to `hdm demo`.
pub fn run(arguments: &[String]) -> Done {
    requirement::set_up(&requirement::for_demo())?;
    println!("xtask: building hdm; about 2 minutes at first, seconds later.");
    run_command(cargo().args(["build", "--package", "hdm"]))?;
    if !ui::is_current() {
        ui::build()?;
    }
    run_command(
        command(target().join("debug/hdm"))
            .args(["demo", "--dir"])
            .arg(cache().join("demo"))
            .arg("--lab-binary")
            .arg(lab_binary())
            .arg("--guest-image")
            .arg(guest_image())
            .arg("--client-dir")
            .arg(root().join("lab/client"))
            .arg("--ui-dir")
            .arg(ui::dist())
            .args(arguments),
    )
}
