//! Which file of the export becomes which file of the import.
//!
//! The descriptor is the go-between: each exported file is named in it by a path of our choosing, the import
//! spec repeats the path beside the key of the device it creates, and the import's lease names its upload
//! address by that key.

use hdm_vsphere::{FileItem, LeaseDevice, OvfFile};

/// One file on its way.
#[derive(Clone, Debug)]
pub struct File {
    /// For people: the disk's label, or the file's name.
    pub label: String,
    /// Index among the VM's disks; absent for other files.
    pub disk: Option<usize>,
    /// The disk's size; 0 for other files.
    pub capacity_bytes: u64,
    /// Where it comes from.
    pub from: LeaseDevice,
    /// Where it goes.
    pub to: LeaseDevice,
}

/// A file of the export as the descriptor names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offered {
    /// The export device's key.
    pub key: String,
    /// Its path in the descriptor.
    pub path: String,
    /// Index among the VM's disks; absent for other files.
    pub disk: Option<usize>,
}

/// A disk of the source: what tells it from the others, and its size.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Disk {
    /// Its label.
    pub label: String,
    /// Its size.
    pub capacity_bytes: u64,
    /// vSphere's name of its controller's kind, such as `ParaVirtualSCSIController`.
    pub controller: String,
    /// The controller's bus number.
    pub bus: i32,
    /// Its unit number there.
    pub unit: i32,
}

/// Names the exported files: `disk-0.vmdk`, `disk-1.vmdk` … by the VM's disks, others by their number.
///
/// A disk is known by the end of its key, `…/<controller kind><bus>:<unit>`; one whose key says something
/// else is taken to be the next that is not named yet.
pub fn offer(devices: &[LeaseDevice], disks: &[Disk]) -> Vec<Offered> {
    let exact: Vec<Option<usize>> = devices
        .iter()
        .map(|d| {
            d.is_disk.then(|| place(&d.key)).flatten().and_then(|at| disks.iter().position(|k| k.at() == at))
        })
        .collect();
    let mut unnamed = (0..disks.len()).filter(|n| !exact.contains(&Some(*n))).collect::<Vec<_>>().into_iter();
    let mut others = 0;
    let mut offered = Vec::new();
    for (device, exact) in devices.iter().zip(&exact) {
        let disk = if device.is_disk { exact.or_else(|| unnamed.next()) } else { None };
        let path = if let Some(n) = disk {
            format!("disk-{n}.vmdk")
        } else {
            others += 1;
            format!("file-{}", others - 1)
        };
        offered.push(Offered { key: device.key.clone(), path, disk });
    }
    offered
}

impl Offered {
    /// The file as a descriptor names it. How long an exported disk will be is not known before its end.
    pub fn as_ovf_file(&self, disks: &[Disk]) -> OvfFile {
        let capacity_bytes = self.disk.and_then(|n| disks.get(n)).map(|disk| disk.capacity_bytes);
        OvfFile { device_id: self.key.clone(), path: self.path.clone(), size_bytes: 0, capacity_bytes }
    }
}

impl Disk {
    fn at(&self) -> (&str, i32, i32) {
        (&self.controller, self.bus, self.unit)
    }
}

/// Controller kind, bus and unit from a device key.
fn place(key: &str) -> Option<(&str, i32, i32)> {
    let (controller, unit) = key.rsplit('/').next()?.rsplit_once(':')?;
    let kind = controller.trim_end_matches(|c: char| c.is_ascii_digit());
    Some((kind, controller[kind.len()..].parse().ok()?, unit.parse().ok()?))
}

/// Pairs the files; fails with a sentence if a disk has no counterpart.
pub fn pair(
    offered: &[Offered],
    export: &[LeaseDevice],
    items: &[FileItem],
    import: &[LeaseDevice],
    disks: &[Disk],
) -> Result<Vec<File>, String> {
    let mut files = Vec::new();
    for offer in offered {
        let Some(from) = export.iter().find(|d| d.key == offer.key) else { continue };
        let item = items.iter().find(|i| i.path == offer.path);
        let to = item.and_then(|i| import.iter().find(|d| d.import_key == i.device_id));
        let named = offer.disk.and_then(|n| disks.get(n));
        let label = named.map_or_else(|| from.target_id.clone(), |disk| disk.label.clone());
        match (to, offer.disk) {
            (Some(to), disk) => files.push(File {
                label,
                disk,
                capacity_bytes: named.map_or(0, |disk| disk.capacity_bytes),
                from: from.clone(),
                to: to.clone(),
            }),
            (None, Some(_)) => return Err(format!("The import has no place for {label} ({}).", offer.key)),
            // The target makes other files anew, such as an empty NVRAM, if its import does not take them.
            (None, None) => {}
        }
    }
    let paired = files.iter().filter(|f| f.disk.is_some()).count();
    if paired != disks.len() {
        return Err(format!("The source has {} disks, but its export offers {paired}.", disks.len()));
    }
    Ok(files)
}
