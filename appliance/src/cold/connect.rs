//! Steps `verify-source`, `disconnect-source` and `connect-target`: the hand-over of the network identity.
//!
//! At every moment at most one copy could be started connected:
//!
//! ```text
//!                        source connects   target connects
//! before                 as recorded       no (imported so)
//! disconnect-source      no                no
//! connect-target         no                as the source did
//! undo connect-target    no                no
//! undo disconnect-source as recorded       no (seen off and not to connect)
//! ```
//!
//! A copy that somebody powered on before its time stops the undoing: both are kept, and a person decides.

use std::collections::BTreeMap;

use hdm_vsphere::{NicChange, Session, VmConfigChange, VmDetails};

use super::vm::{self, Seen};
use super::{Cold, ColdCx, seal, transfer};
use crate::engine::StepError;

/// Step `verify-source`.
pub async fn verify_source(cold: &Cold, cx: &mut ColdCx<'_>) -> Result<(), StepError> {
    transfer::cleanup::strays(cold, cx).await?;
    seal::check(cold, cx).await.map(|_| ())
}

/// Step `disconnect-source`: no adapter of the source connects at power-on any more.
pub async fn disconnect_source(cold: &Cold, cx: &mut ColdCx<'_>) -> Result<(), StepError> {
    let session = cold.source(cx)?.session;
    let source = vm::source(cold, cx).await?;
    let wanted: BTreeMap<i32, bool> = source.nics.iter().map(|n| (n.key, false)).collect();
    let change = nic_change(&source, &wanted);
    if change.nics.is_empty() {
        // Either there was nothing to do, or our change took effect and its answer was lost. The change was
        // made on condition of the sealed version, so nobody came before it; the events tell who came after.
        seal::not_started(&session, &source, &seal::seal(cx)?).await?;
        if !cx.memo().disconnected {
            return seal::check(cold, cx).await.map(|_| ());
        }
        return seal::renew(cx, &source).await;
    }
    let source = seal::check(cold, cx).await?;
    cx.save("about to disconnect the source's adapters", |m| m.disconnected = true).await?;
    let version = seal::seal(cx)?.change_version;
    let task = session.reconfigure_task(&source.vm, &change, Some(&version)).await;
    if let Err(error) = vm::finish(&session, task, &cold.patience(cx)).await {
        // A refusal because the version is another one is told better by the seal. After a lost answer the
        // version may be another one because of ourselves: the next try looks first.
        if !matches!(error, StepError::Passing { .. } | StepError::Locked { .. }) {
            seal::check(cold, cx).await?;
        }
        return Err(error);
    }
    let source = vm::expect_source(cold, cx, "have its adapters disconnected", |v| {
        v.nics.iter().all(|n| !n.start_connected)
    })
    .await?;
    seal::renew(cx, &source).await
}

/// Restores the flags that were recorded, once no copy in the cloud would connect.
pub async fn undo_disconnect_source(cold: &Cold, cx: &mut ColdCx<'_>) -> Result<(), StepError> {
    if !cx.memo().disconnected {
        return Ok(());
    }
    let recorded = cx.memo().original.clone().map(|o| o.start_connected).unwrap_or_default();
    let Seen::There(source) = vm::look_at_source(cold, cx).await? else { return Ok(()) };
    let change = nic_change(&source, &recorded);
    if change.nics.is_empty() {
        return Ok(());
    }
    disconnect_copies(cold, cx).await?;
    // Once more: from here on a copy that comes up has no network, but still nobody wants two.
    vm::stopped_copies(cold, cx).await?;
    set_source_nics(cold, cx, &recorded).await
}

/// Lets no adapter of any copy connect. A copy that somebody has powered on is left as it is, and so is the
/// source: its guest may have taken over the VM's work.
async fn disconnect_copies(cold: &Cold, cx: &ColdCx<'_>) -> Result<(), StepError> {
    for copy in vm::stopped_copies(cold, cx).await? {
        set_target_nics(cold, cx, &copy, false).await?;
    }
    Ok(())
}

/// Gives the source's adapters these flags, by device key.
pub async fn set_source_nics(
    cold: &Cold,
    cx: &ColdCx<'_>,
    wanted: &BTreeMap<i32, bool>,
) -> Result<(), StepError> {
    let source = vm::source(cold, cx).await?;
    set_nics(&cold.source(cx)?.session, &source, wanted, &cold.patience(cx)).await
}

/// Gives a VM's adapters these flags, by device key, and sees that they have them.
pub async fn set_nics(
    session: &Session,
    vm: &VmDetails,
    wanted: &BTreeMap<i32, bool>,
    patience: &vm::Patience,
) -> Result<(), StepError> {
    let change = nic_change(vm, wanted);
    if change.nics.is_empty() {
        return Ok(());
    }
    let task = session.reconfigure_task(&vm.vm, &change, None).await;
    vm::finish(session, task, patience).await?;
    match vm::settled(session, &vm.vm, patience).await? {
        Seen::There(now) if !nic_change(&now, wanted).nics.is_empty() => Err(StepError::retry(format!(
            "The adapters of '{}' were to be changed, but vCenter shows that it did not happen.",
            now.path
        ))),
        _ => Ok(()),
    }
}

/// Step `connect-target`: the target's adapters connect as the source's did.
pub async fn connect_target(cold: &Cold, cx: &mut ColdCx<'_>) -> Result<(), StepError> {
    let source = seal::check(cold, cx).await?;
    if let Some(nic) = source.nics.iter().find(|n| n.start_connected) {
        return Err(StepError::refused(format!(
            "'{}' of '{}' would connect at power-on again; somebody changed it.",
            nic.label, source.name
        )));
    }
    let target = vm::target(cold, cx).await?;
    cx.save("about to connect the target's adapters", |m| m.connected = true).await?;
    set_target_nics(cold, cx, &target, true).await?;
    // The last look before the point of no return, which is the next step that does something.
    seal::check(cold, cx).await.map(|_| ())
}

/// Lets no adapter of the target connect.
pub async fn undo_connect_target(cold: &Cold, cx: &mut ColdCx<'_>) -> Result<(), StepError> {
    if !cx.memo().connected {
        return Ok(());
    }
    disconnect_copies(cold, cx).await
}

/// Sets a copy's adapters to connect as the source's did, or not at all.
async fn set_target_nics(
    cold: &Cold,
    cx: &ColdCx<'_>,
    copy: &VmDetails,
    connect: bool,
) -> Result<(), StepError> {
    let recorded: Vec<bool> =
        cx.memo().original.iter().flat_map(|o| o.start_connected.values().copied()).collect();
    let wanted = in_order(copy, &recorded, connect);
    set_nics(&cold.cloud(cx)?.session, copy, &wanted, &cold.patience(cx)).await
}

/// The copy's adapters are the source's in the order of their device keys.
fn in_order(copy: &VmDetails, recorded: &[bool], connect: bool) -> BTreeMap<i32, bool> {
    let mut keys: Vec<i32> = copy.nics.iter().map(|n| n.key).collect();
    keys.sort_unstable();
    let flags = recorded.iter().copied().chain(std::iter::repeat(false));
    keys.into_iter().zip(flags).map(|(key, flag)| (key, connect && flag)).collect()
}

/// The change that gives each adapter its flag; empty if they have them.
fn nic_change(vm: &VmDetails, wanted: &BTreeMap<i32, bool>) -> VmConfigChange {
    let nics = vm
        .nics
        .iter()
        .filter_map(|nic| {
            let flag = *wanted.get(&nic.key)?;
            (nic.start_connected != flag).then(|| NicChange {
                key: nic.key,
                start_connected: Some(flag),
                ..NicChange::default()
            })
        })
        .collect();
    VmConfigChange { nics, ..VmConfigChange::default() }
}
