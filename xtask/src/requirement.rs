//! What the demo and the tests need on a machine: how to see that it is there, how to get it.
//!
//! Every requirement is idempotent: what is there is not fetched again, so both commands work without a
//! network once they have run with one.

use std::path::{Path, PathBuf};
use std::time::{Instant, SystemTime};

use crate::shell::{Done, cache, command, output, root, run};

/// A Debian package and what it is for.
type Package = (&'static str, &'static str);

/// What building and the demonstration need of Debian.
const PACKAGES: [Package; 14] = [
    ("git", "lists the files that are checked"),
    ("gcc", "links, and builds SQLite and the cryptography"),
    ("libc6-dev", "links, and builds SQLite and the cryptography"),
    ("procps", "ends processes in tests"),
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
];

/// What the tests need of Debian besides.
const TEST_PACKAGES: [Package; 4] = [
    ("python3-venv", "pyVmomi, the lab's other judge"),
    ("postgresql", "the store's second database"),
    ("chromium", "the browser of the Client's tests"),
    ("chromium-driver", "drives that browser"),
];

/// The version of Go that the simulated vCenter needs: major and minor.
const GO: (u32, u32) = (1, 26);

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
            purpose: "compiler, guests, disk images",
            takes: "1 to 3 minutes",
            present: || missing(&PACKAGES).is_empty(),
            get: || install(&PACKAGES),
        },
        Requirement {
            name: "Go",
            purpose: "builds the simulated vCenter",
            takes: "must be installed by hand",
            present: || output(command("go").arg("version")).and_then(|told| go_version(&told)) >= Some(GO),
            get: || {
                let (major, minor) = GO;
                Err(format!(
                    "Go {major}.{minor} or newer is needed: install it from Debian or go.dev and put it on PATH."
                ))
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
            present: guest_image_is_current,
            get: build_guest_image,
        },
        Requirement {
            name: TEST_DEBIAN,
            purpose: "PostgreSQL, Python's environments",
            takes: "1 minute",
            present: || missing(&TEST_PACKAGES).is_empty(),
            get: || install(&TEST_PACKAGES),
        },
        Requirement {
            name: PROMTOOL,
            purpose: "judges the alert rules",
            takes: "half a minute",
            present: || promtool().is_file(),
            get: unpack_promtool,
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

/// What only the tests need of Debian, as a requirement.
const TEST_DEBIAN: &str = "Debian packages for tests";
/// A tool of Prometheus.
const PROMTOOL: &str = "promtool";

/// What the demo needs: everything but the tests' peers.
pub fn for_demo() -> Vec<Requirement> {
    all()
        .into_iter()
        .filter(|requirement| !["pyVmomi", PROMTOOL, TEST_DEBIAN].contains(&requirement.name))
        .collect()
}

/// Lists what is there and what is not.
pub fn doctor() -> Done {
    let mut absent = 0;
    for requirement in all() {
        let present = (requirement.present)();
        absent += usize::from(!present);
        println!(
            "{} {:<26} {}",
            if present { "ok     " } else { "MISSING" },
            requirement.name,
            requirement.purpose
        );
    }
    for (package, purpose) in missing(&PACKAGES).into_iter().chain(missing(&TEST_PACKAGES)) {
        println!("        needs Debian package {package}: {purpose}");
    }
    if absent == 0 { Ok(()) } else { Err(format!("{absent} missing; `cargo xtask setup` gets them.")) }
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

/// Prometheus' tool for rules.
pub fn promtool() -> PathBuf {
    cache().join("tools/prometheus/usr/bin/promtool")
}

/// The Python with pyVmomi.
pub fn python() -> PathBuf {
    cache().join("python/bin/python3")
}

fn missing(packages: &[Package]) -> Vec<Package> {
    packages.iter().copied().filter(|(package, _)| !package_installed(package)).collect()
}

/// Reads `go version go1.26.8 linux/amd64`.
fn go_version(told: &str) -> Option<(u32, u32)> {
    let mut numbers = told.split_whitespace().nth(2)?.strip_prefix("go")?.split('.');
    Some((numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?))
}

fn package_installed(package: &str) -> bool {
    output(command("dpkg-query").args(["-W", "-f", "${db:Status-Status}", package]))
        .is_some_and(|status| status == "installed")
}

fn install(packages: &[Package]) -> Done {
    let packages: Vec<&str> = missing(packages).into_iter().map(|(package, _)| package).collect();
    println!("xtask: apt-get installs {}.", packages.join(" "));
    apt(&["update", "-qq"])?;
    let mut arguments = vec!["install", "-y", "-qq", "--no-install-recommends"];
    arguments.extend(packages);
    apt(&arguments)
}

/// Calls apt-get, with sudo where that is needed.
fn apt(arguments: &[&str]) -> Done {
    let root = output(command("id").arg("-u")).is_some_and(|id| id == "0");
    let mut apt = if root { command("apt-get") } else { command("sudo") };
    if !root {
        apt.arg("apt-get");
    }
    run(apt.env("DEBIAN_FRONTEND", "noninteractive").args(arguments))
}

fn build_lab() -> Done {
    run(command("go").current_dir(root().join("lab/vcenter")).args(["build", "-o", "bin/", "./cmd/..."]))
}

/// Whether the executable is newer than every source file it is made of.
fn lab_is_current() -> bool {
    let Some(built) = modified(&lab_binary()) else { return false };
    newest_source(&root().join("lab/vcenter")).is_none_or(|source| source <= built)
}

/// Whether the disk is newer than what it is made of and by.
fn guest_image_is_current() -> bool {
    let Some(built) = modified(&guest_image()) else { return false };
    newest_source(&root().join("lab/vcenter/internal/guest")).is_none_or(|source| source <= built)
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

/// Takes promtool out of Debian's package: installed, it would start a Prometheus that nobody asked for.
fn unpack_promtool() -> Done {
    let folder = cache().join("tools/prometheus");
    std::fs::create_dir_all(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    apt(&["update", "-qq"])?;
    run(command("apt-get").current_dir(&folder).args(["download", "-qq", "prometheus"]))?;
    let packages = std::fs::read_dir(&folder).into_iter().flatten().flatten().map(|entry| entry.path());
    let packages: Vec<PathBuf> =
        packages.filter(|path| path.extension().is_some_and(|end| end == "deb")).collect();
    for package in &packages {
        run(command("dpkg-deb").arg("-x").arg(package).arg(&folder))?;
        std::fs::remove_file(package).map_err(|error| format!("{}: {error}", package.display()))?;
    }
    // All else of the package, the server above all, is large and not needed.
    let server = folder.join("usr/bin/prometheus");
    std::fs::remove_file(&server).map_err(|error| format!("{}: {error}", server.display()))
}

fn install_pyvmomi() -> Done {
    let environment = cache().join("python");
    run(command("python3").args(["-m", "venv"]).arg(&environment))?;
    run(command(python()).args(["-m", "pip", "install", "--quiet", PYVMOMI]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_of_go_is_read() {
        assert_eq!(go_version("go version go1.26.8 linux/amd64"), Some((1, 26)));
        assert!(go_version("go version go1.19.8 linux/amd64") < Some(GO));
        assert_eq!(go_version("go version devel linux/amd64"), None);
    }
}
