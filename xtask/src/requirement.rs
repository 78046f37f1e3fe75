//! What the demo and the tests need on a machine: how to see that it is there, how to get it.
//!
//! Every requirement is idempotent: what is there is not fetched again, so both commands work without a
//! network once they have run with one.

use std::path::{Path, PathBuf};
use std::time::{Instant, SystemTime};

use crate::shell::{Done, cache, command, output, root, run};

/// Debian packages, each with what it is for.
const DEBIAN_PACKAGES: [(&str, &str); 11] = [
    ("qemu-system-x86", "runs the lab's guests"),
    ("qemu-utils", "judges the lab's VMDK streams"),
    ("syslinux", "boot loader of the guest image"),
    ("syslinux-common", "boot loader of the guest image"),
    ("mtools", "fills the guest image's boot partition"),
    ("dosfstools", "makes the guest image's boot partition"),
    ("e2fsprogs", "makes the guest image's root file system"),
    ("fdisk", "partitions the guest image"),
    ("cpio", "packs the guest's initial RAM disk"),
    ("busybox-static", "the guest's user land"),
    ("postgresql", "the store's second database"),
];

/// The version of pyVmomi that the lab is tried with.
const PYVMOMI: &str = "pyvmomi==8.0.3.0.1";

/// Something that must be on the machine.
pub struct Requirement {
    pub name: &'static str,
    pub purpose: &'static str,
    /// How long getting it takes on two cores, roughly.
    pub takes: &'static str,
    pub present: fn() -> bool,
    pub get: fn() -> Done,
}

/// Everything, in the order in which it must be got.
pub fn all() -> Vec<Requirement> {
    let mut all = for_lab();
    all.extend(crate::requirement_ui::all());
    all
}

fn for_lab() -> Vec<Requirement> {
    vec![
        Requirement {
            name: "Debian packages",
            purpose: "guests, disk images, PostgreSQL",
            takes: "1 to 3 minutes",
            present: || missing_packages().is_empty(),
            get: install_packages,
        },
        Requirement {
            name: "Go",
            purpose: "builds the simulated vCenter",
            takes: "must be installed by hand",
            present: || output(command("go").arg("version")).is_some(),
            get: || {
                Err("Go 1.26 or newer is needed: install it from Debian or go.dev and put it on PATH.".into())
            },
        },
        Requirement {
            name: "simulated vCenter",
            purpose: "lab/vcenter/bin/lab-vcenter",
            takes: "1 minute at first, seconds later",
            present: lab_is_current,
            get: build_lab,
        },
        Requirement {
            name: "guest image",
            purpose: "the disk that the lab's guests boot from",
            takes: "half a minute",
            present: || guest_image().is_file(),
            get: build_guest_image,
        },
        Requirement {
            name: "pyVmomi",
            purpose: "another client to judge the simulated vCenter",
            takes: "half a minute",
            present: || output(command(python()).args(["-c", "import pyVmomi"])).is_some(),
            get: install_pyvmomi,
        },
    ]
}

/// What the demo needs: everything but the tests' peers.
pub fn for_demo() -> Vec<Requirement> {
    all().into_iter().filter(|requirement| requirement.name != "pyVmomi").collect()
}

/// Lists what is there and what is not.
pub fn doctor() -> Done {
    let mut missing = 0;
    for requirement in all() {
        let present = (requirement.present)();
        missing += usize::from(!present);
        println!(
            "{} {:<18} {}",
            if present { "ok     " } else { "MISSING" },
            requirement.name,
            requirement.purpose
        );
    }
    for (package, purpose) in missing_packages() {
        println!("        needs Debian package {package}: {purpose}");
    }
    if missing == 0 { Ok(()) } else { Err(format!("{missing} missing; `cargo xtask setup` gets them.")) }
}

/// Gets what is missing, saying what and how long.
pub fn set_up(requirements: &[Requirement]) -> Done {
    for requirement in requirements {
        if (requirement.present)() {
            continue;
        }
        println!("xtask: setting up {} ({}); {}.", requirement.name, requirement.purpose, requirement.takes);
        let begun = Instant::now();
        (requirement.get)().map_err(|e| format!("{} could not be set up: {e}", requirement.name))?;
        if !(requirement.present)() {
            return Err(format!("{} was set up without an error, yet is not there.", requirement.name));
        }
        println!("xtask: {} is ready after {} s.", requirement.name, begun.elapsed().as_secs());
    }
    Ok(())
}

/// The simulated vCenter's executable.
pub fn lab_binary() -> PathBuf {
    root().join("lab/vcenter/bin/lab-vcenter")
}

/// The guest's disk image.
pub fn guest_image() -> PathBuf {
    cache().join("guest.raw")
}

/// The Python with pyVmomi.
pub fn python() -> PathBuf {
    cache().join("python/bin/python3")
}

fn missing_packages() -> Vec<(&'static str, &'static str)> {
    DEBIAN_PACKAGES.into_iter().filter(|(package, _)| !package_installed(package)).collect()
}

fn package_installed(package: &str) -> bool {
    output(command("dpkg-query").args(["-W", "-f", "${db:Status-Status}", package]))
        .is_some_and(|status| status == "installed")
}

fn install_packages() -> Done {
    let packages: Vec<&str> = missing_packages().into_iter().map(|(package, _)| package).collect();
    println!("xtask: apt-get installs {}.", packages.join(" "));
    let root = output(command("id").arg("-u")).is_some_and(|id| id == "0");
    let apt = |arguments: &[&str]| {
        let mut apt = if root { command("apt-get") } else { command("sudo") };
        if !root {
            apt.arg("apt-get");
        }
        run(apt.env("DEBIAN_FRONTEND", "noninteractive").args(arguments))
    };
    apt(&["update", "-qq"])?;
    let mut arguments = vec!["install", "-y", "-qq", "--no-install-recommends"];
    arguments.extend(packages);
    apt(&arguments)
}

fn build_lab() -> Done {
    run(command("go").current_dir(root().join("lab/vcenter")).args(["build", "-o", "bin/", "./cmd/..."]))
}

/// Whether the executable is newer than every source file it is made of.
fn lab_is_current() -> bool {
    let Some(built) = modified(&lab_binary()) else { return false };
    newest_source(&root().join("lab/vcenter")).is_none_or(|source| source <= built)
}

fn newest_source(folder: &Path) -> Option<SystemTime> {
    with_sources(folder, &|path| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        name != "bin" && !name.ends_with("_test.go") && !name.ends_with(".md")
    })
}

/// When the newest of a file, or of everything in a folder, was changed; `counts` says what counts.
pub fn with_sources(path: &Path, counts: &impl Fn(&Path) -> bool) -> Option<SystemTime> {
    if !counts(path) {
        return None;
    }
    match std::fs::read_dir(path) {
        Ok(entries) => entries.flatten().filter_map(|entry| with_sources(&entry.path(), counts)).max(),
        Err(_) => modified(path),
    }
}

/// When a file was changed.
pub fn modified(path: &Path) -> Option<SystemTime> {
    std::fs::metadata(path).and_then(|data| data.modified()).ok()
}

fn build_guest_image() -> Done {
    std::fs::create_dir_all(cache()).map_err(|e| format!("{}: {e}", cache().display()))?;
    run(command(lab_binary()).args(["guest-image", "--out"]).arg(guest_image()))
}

fn install_pyvmomi() -> Done {
    let environment = cache().join("python");
    run(command("python3").args(["-m", "venv"]).arg(&environment))?;
    run(command(python()).args(["-m", "pip", "install", "--quiet", PYVMOMI]))
}
