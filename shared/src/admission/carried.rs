//! What a move leaves behind. These are warnings: the administrator should know before the start.

use crate::problem::Finding;

use super::source::{DeviceKind, SourceVm};

/// Lists what cannot be carried.
pub fn check(vm: &SourceVm) -> Vec<Finding> {
    let name = vm.name.as_str();
    let mut found = Vec::new();
    let mut warn = |code, message: String, remedy: &str| {
        found.push(Finding::warning(code, name, message, remedy));
    };
    if !vm.snapshots.is_empty() {
        warn(
            "snapshots-not-carried",
            format!(
                "The copy of '{name}' has the present content of its disks, without its {}: {}.",
                if vm.snapshots.len() == 1 { "snapshot" } else { "snapshots" },
                list(&vm.snapshots)
            ),
            "The snapshots stay with the source; nothing needs to be done unless they are wanted at the target.",
        );
    }
    if !vm.custom_attributes.is_empty() {
        warn(
            "custom-attributes-not-carried",
            format!("The custom attributes of '{name}' are not carried: {}.", list(&vm.custom_attributes)),
            "Set them again at the target.",
        );
    }
    for (code, what, known) in [
        ("tags-not-carried", "tags", &vm.tags),
        ("permissions-not-carried", "permissions", &vm.permissions),
        ("storage-policy-not-carried", "storage policies", &vm.storage_policies),
    ] {
        if let Some(known) = known.as_ref().filter(|k| !k.is_empty()) {
            let message = format!("The {what} of '{name}' are not carried: {}.", list(known));
            warn(code, message, "Assign them again at the target.");
        }
    }
    let unknown: Vec<&str> = [
        ("tags", &vm.tags),
        ("permissions of its own", &vm.permissions),
        ("storage policies", &vm.storage_policies),
    ]
    .into_iter()
    .filter_map(|(what, known)| known.is_none().then_some(what))
    .collect();
    if !unknown.is_empty() {
        warn(
            "other-properties-not-carried",
            format!("If '{name}' has {}, they are not carried.", unknown.join(", ")),
            "Look at the source and assign again at the target what is needed.",
        );
    }
    for device in &vm.devices {
        let label = &device.label;
        match device.kind {
            DeviceKind::Iso => warn(
                "iso-not-carried",
                format!("The image in '{label}' of '{name}' is not carried; the drive arrives empty."),
                "Attach the image at the target if it is needed.",
            ),
            DeviceKind::Other => warn(
                "device-not-carried",
                format!("'{label}' of '{name}' is not carried."),
                "Add the device at the target if it is needed.",
            ),
            DeviceKind::Passthrough
            | DeviceKind::Vgpu
            | DeviceKind::SrIov
            | DeviceKind::Vtpm
            | DeviceKind::Nvdimm => {}
        }
    }
    if !vm.cluster_has_drs {
        warn(
            "source-pool-impossible",
            format!(
                "'{}' has no DRS, so that '{name}' stays in its resource pool instead of HDM_MIGRATE_POOL.",
                vm.cluster
            ),
            "Nothing needs to be done; the note on the virtual machine tells that it is being moved.",
        );
    }
    found
}

/// At most ten names, then how many more there are.
fn list(names: &[String]) -> String {
    const SHOWN: usize = 10;
    let shown = names.iter().take(SHOWN).map(|n| format!("'{n}'")).collect::<Vec<_>>().join(", ");
    match names.len().saturating_sub(SHOWN) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}

#[cfg(test)]
mod tests {
    use super::super::samples::{codes, vm};
    use super::super::source::SourceDevice;
    use super::*;

    fn only(spoil: impl FnOnce(&mut SourceVm)) -> String {
        let mut vm = vm();
        spoil(&mut vm);
        let found = check(&vm);
        assert!(!found.iter().any(Finding::blocks), "what is left behind never blocks");
        codes(&found).join(",")
    }

    #[test]
    fn each_thing_left_behind_is_told_and_nothing_else() {
        let one = || vec!["one".to_owned()];
        assert_eq!(only(|_| ()), "");
        assert_eq!(only(|v| v.snapshots = one()), "snapshots-not-carried");
        assert_eq!(only(|v| v.custom_attributes = one()), "custom-attributes-not-carried");
        assert_eq!(only(|v| v.tags = Some(one())), "tags-not-carried");
        assert_eq!(only(|v| v.permissions = Some(one())), "permissions-not-carried");
        assert_eq!(only(|v| v.storage_policies = Some(one())), "storage-policy-not-carried");
        assert_eq!(only(|v| v.cluster_has_drs = false), "source-pool-impossible");
        let device = |kind| SourceDevice { kind, label: "Drive 1".into() };
        assert_eq!(only(|v| v.devices.push(device(DeviceKind::Iso))), "iso-not-carried");
        assert_eq!(only(|v| v.devices.push(device(DeviceKind::Other))), "device-not-carried");
        assert_eq!(only(|v| v.devices.push(device(DeviceKind::Vtpm))), "");
    }

    #[test]
    fn what_was_not_looked_at_is_said_once() {
        assert_eq!(
            only(|v| {
                v.tags = None;
                v.permissions = None;
            }),
            "other-properties-not-carried"
        );
    }

    #[test]
    fn a_long_list_is_cut() {
        let names: Vec<String> = (0..12).map(|i| format!("s{i}")).collect();
        assert!(list(&names).ends_with("'s9' and 2 more"));
    }
}
