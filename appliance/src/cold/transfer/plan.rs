//! Which file of the export becomes which file of the import.
//!
//! The descriptor is the go-between: each exported file is named in it by a path of our choosing, the import
//! spec repeats the path beside the key of the device it creates, and the import's lease names its upload
//! address by that key.

use std::collections::BTreeSet;

use hdm_vsphere::{FileItem, LeaseDevice, OvfFile};

use super::super::target_spec::{Wanted, WantedDisk};

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

/// The disks that a copy is to have.
pub fn disks(wanted: &Wanted) -> Vec<Disk> {
    let disk = |disk: &WantedDisk| Disk {
        label: disk.label.clone(),
        capacity_bytes: disk.capacity_bytes,
        controller: disk.controller.clone(),
        bus: disk.bus,
        unit: disk.unit,
    };
    wanted.disks.iter().map(disk).collect()
}

/// Names the exported files: `disk-0.vmdk`, `disk-1.vmdk` … by the VM's disks, others by their number.
///
/// A disk is known by the end of its key, `…/<controller kind><bus>:<unit>`. One whose key says something else
/// can only be the VM's only one: two disks must never change places.
pub fn offer(devices: &[LeaseDevice], disks: &[Disk]) -> Result<Vec<Offered>, String> {
    let only = disks.len() == 1 && devices.iter().filter(|d| d.is_disk).count() == 1;
    let (mut others, mut named) = (0, BTreeSet::new());
    let mut offered = Vec::new();
    let mut keys = BTreeSet::new();
    for device in devices {
        // Files are told apart by their keys alone.
        if !keys.insert(device.key.as_str()) {
            return Err(format!("The export offers two files as '{}', or one twice.", device.key));
        }
        if !device.is_disk {
            offered.push(Offered { key: device.key.clone(), path: format!("file-{others}"), disk: None });
            others += 1;
            continue;
        }
        let at = place(&device.key).and_then(|at| disks.iter().position(|disk| disk.at() == at));
        let Some(n) = at.or(only.then_some(0)) else {
            return Err(format!(
                "The export offers a disk as '{}', which tells none of the VM's: HDM does not guess which of its disks that is.",
                device.key
            ));
        };
        if !named.insert(n) {
            return Err(format!("The export offers {} twice, as '{}' too.", disks[n].label, device.key));
        }
        offered.push(Offered { key: device.key.clone(), path: format!("disk-{n}.vmdk"), disk: Some(n) });
    }
    Ok(offered)
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
pub(super) fn place(key: &str) -> Option<(&str, i32, i32)> {
    let (controller, unit) = key.rsplit('/').next()?.rsplit_once(':')?;
    let kind = controller.trim_end_matches(|c: char| c.is_ascii_digit());
    Some((kind, controller[kind.len()..].parse().ok()?, unit.parse().ok()?))
}

/// The files that are sent, and those that are not.
#[derive(Clone, Debug)]
pub struct Paired {
    /// The files.
    pub files: Vec<File>,
    /// Names of the files, other than disks, that the import does not take.
    pub left: Vec<String>,
}

/// Pairs the files; fails with a sentence if a disk has no counterpart.
pub fn pair(
    offered: &[Offered],
    export: &[LeaseDevice],
    items: &[FileItem],
    import: &[LeaseDevice],
    disks: &[Disk],
) -> Result<Paired, String> {
    let (mut files, mut left) = (Vec::new(), Vec::new());
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
            (None, None) => left.push(label),
        }
    }
    let paired = files.iter().filter(|f| f.disk.is_some()).count();
    if paired != disks.len() {
        return Err(format!("The source has {} disks, but its export offers {paired}.", disks.len()));
    }
    let mut places = BTreeSet::new();
    if let Some(second) = files.iter().find(|file| !places.insert(file.to.import_key.as_str())) {
        let key = &second.to.import_key;
        return Err(format!("The import has one place, '{key}', for {} and another file.", second.label));
    }
    if let Some(other) = files.iter().find(|file| file.disk.is_some() && !file.to.is_disk) {
        return Err(format!("The import has no disk for {}, but another file.", other.label));
    }
    Ok(Paired { files, left })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    fn disk(bus: i32, unit: i32) -> Disk {
        let controller = "ParaVirtualSCSIController".into();
        Disk { label: format!("Hard disk {bus}:{unit}"), capacity_bytes: 1 << 20, controller, bus, unit }
    }

    fn device(key: &str, is_disk: bool) -> LeaseDevice {
        LeaseDevice {
            key: key.into(),
            import_key: key.into(),
            url: "https://esx/nfc".parse().unwrap(),
            thumbprint: None,
            is_disk,
            target_id: key.rsplit('/').next().unwrap().into(),
            file_size: None,
        }
    }

    fn exported(keys: &[&str]) -> Vec<LeaseDevice> {
        keys.iter().map(|key| device(key, !key.ends_with("nvram"))).collect()
    }

    fn names(keys: &[&str], disks: &[Disk]) -> Result<Vec<String>, String> {
        Ok(offer(&exported(keys), disks)?.into_iter().map(|o| o.path).collect())
    }

    const FIRST: &str = "/vm-1/ParaVirtualSCSIController0:0";
    const SECOND: &str = "/vm-1/ParaVirtualSCSIController0:1";

    #[test]
    fn a_disk_is_known_by_its_place_whatever_the_order() {
        let disks = [disk(0, 0), disk(0, 1), disk(1, 0)];
        let third = "/vm-1/ParaVirtualSCSIController1:0";
        assert_eq!(
            names(&[third, "/vm-1/nvram", SECOND, FIRST], &disks).unwrap(),
            ["disk-2.vmdk", "file-0", "disk-1.vmdk", "disk-0.vmdk"]
        );
    }

    #[test]
    fn no_disk_is_guessed_unless_there_is_but_one() {
        let two = [disk(0, 0), disk(0, 1)];
        assert!(names(&["/vm-1/disk-a", "/vm-1/disk-b"], &two).unwrap_err().contains("does not guess"));
        assert!(names(&[FIRST, "/vm-1/disk-b"], &two).is_err(), "not even if only one is left");
        assert!(names(&[FIRST, FIRST], &two).unwrap_err().contains("twice"));
        assert!(names(&[FIRST, "/vm-2/ParaVirtualSCSIController0:0"], &two).unwrap_err().contains("twice"));
        assert!(names(&[FIRST, "nvram", "nvram"], &two).unwrap_err().contains("two files"));
        assert_eq!(names(&["/vm-1/disk-a"], &two[..1]).unwrap(), ["disk-0.vmdk"]);
    }

    #[test]
    fn files_are_paired_by_the_path_in_the_descriptor_and_what_is_left_is_told() {
        let disks = [disk(0, 0), disk(0, 1)];
        let export = exported(&[SECOND, FIRST, "/vm-1/nvram"]);
        let offered = offer(&export, &disks).unwrap();
        let item = |path: &str, device_id: &str| FileItem {
            device_id: device_id.into(),
            path: path.into(),
            size: None,
            create: false,
            cim_type: 17,
        };
        let items = [item("disk-0.vmdk", "i0"), item("disk-1.vmdk", "i1")];
        let import = [device("i1", true), device("i0", true)];
        let paired = pair(&offered, &export, &items, &import, &disks).unwrap();
        let ways: Vec<_> = paired.files.iter().map(|f| (f.from.key.as_str(), f.to.key.as_str())).collect();
        assert_eq!(ways, [(SECOND, "i1"), (FIRST, "i0")]);
        assert_eq!(paired.left, ["nvram"]);
        let one_place = [item("disk-0.vmdk", "i0"), item("disk-1.vmdk", "i0")];
        assert!(pair(&offered, &export, &one_place, &import, &disks).unwrap_err().contains("one place"));
        let no_disk = [device("i1", true), device("i0", false)];
        assert!(pair(&offered, &export, &items, &no_disk, &disks).unwrap_err().contains("no disk for"));
        assert!(pair(&offered, &export, &items[..1], &import, &disks).is_err(), "a disk is never left");
        assert!(pair(&offered[..1], &export, &items, &import, &disks).unwrap_err().contains("offers 1"));
    }
}
