//! Step `stop-source`: the source is off, and what it was is remembered.
//!
//! A guest that was asked to shut down may obey minutes later, also after a cancel. The undo therefore waits
//! for the guest that was asked, until its time is up, before it powers the source on again.

use std::time::Duration;

use hdm_shared::migration::ShutdownMode;
use hdm_vsphere::{DiskDetails, PowerState, VmDetails};

use super::input::Named;
use super::memo::Original;
use super::vm::{self, Seen};
use super::{Cold, ColdCx, facts};
use crate::engine::{StepError, over};

const POLL: Duration = Duration::from_millis(500);

/// Shuts down or powers off the source, as the request says.
pub async fn run(cold: &Cold, cx: &mut ColdCx<'_>) -> Result<(), StepError> {
    let session = cold.source(cx)?.session;
    let source = vm::source(cold, cx).await?;
    remember(cold, cx, &source).await?;
    if source.power == PowerState::Off {
        return is_off(cx).await;
    }
    refuse_suspended(&source)?;
    refuse_question(&source)?;
    match cx.input().options.shutdown {
        ShutdownMode::Refuse => {
            return Err(StepError::refused(format!(
                "'{}' was powered on, and the request says that a running one is to be refused. Shut it down, or ask with --shutdown guest.",
                source.name
            )));
        }
        ShutdownMode::Guest if source.tools.running => {
            if ask_guest(cold, cx, &source).await? {
                return is_off(cx).await;
            }
            cx.log(format!("The guest of '{}' did not shut down in time; powering it off.", source.name))
                .await?;
        }
        ShutdownMode::Guest => {
            cx.log(format!(
                "VMware Tools do not run in '{}', so its guest cannot be asked to shut down; powering it off.",
                source.name
            ))
            .await?;
        }
        ShutdownMode::Hard => {}
    }
    // A guest that did not obey may have been suspended meanwhile.
    let source = vm::source(cold, cx).await?;
    if source.power == PowerState::Off {
        return is_off(cx).await;
    }
    refuse_suspended(&source)?;
    cx.save("about to power off the source", |m| m.powered_off = true).await?;
    let task = session.power_off_task(&source.vm).await;
    vm::finish(&session, task, &cold.patience(cx)).await?;
    vm::expect_source(cold, cx, "be powered off", |v| v.power == PowerState::Off).await.map(|_| ())
}

/// Remembers that a guest that was asked to shut down has done so.
async fn is_off(cx: &mut ColdCx<'_>) -> Result<(), StepError> {
    if cx.memo().shutdown_asked.is_none() || cx.memo().shutdown_done {
        return Ok(());
    }
    cx.save("the guest has shut down", |m| m.shutdown_done = true).await
}

/// Powers the source on again if it ran, once no copy at the target can run beside it.
pub async fn undo(cold: &Cold, cx: &mut ColdCx<'_>) -> Result<(), StepError> {
    let memo = cx.memo().clone();
    let ran = memo.original.as_ref().is_some_and(|o| o.powered_on);
    if !ran || !(memo.powered_off || memo.shutdown_asked.is_some()) {
        return Ok(());
    }
    let Seen::There(mut source) = vm::look_at_source(cold, cx).await? else {
        return cx.log("The source is gone from the inventory; it cannot be powered on again.".into()).await;
    };
    if let Some(asked) = memo.shutdown_asked.filter(|_| !memo.shutdown_done && !memo.powered_on_again) {
        let until = patience_ends(cx, asked);
        while source.power == PowerState::On && !memo.powered_off && cx.clock().mark() < until {
            cx.clock().sleep(POLL).await;
            match vm::look_at_source(cold, cx).await? {
                Seen::There(now) => source = now,
                Seen::Gone => return Ok(()),
            }
        }
    }
    if source.power != PowerState::Off {
        return Ok(());
    }
    vm::stopped_copies(cold, cx).await?;
    cx.save("about to power on the source again", |m| m.powered_on_again = true).await?;
    let session = cold.source(cx)?.session;
    let task = session.power_on_task(&source.vm, None).await;
    vm::finish(&session, task, &cold.patience(cx)).await?;
    vm::expect_source(cold, cx, "be powered on again", |v| v.power == PowerState::On).await.map(|_| ())
}

/// Saves what the source is, once, before anything is changed.
async fn remember(cold: &Cold, cx: &mut ColdCx<'_>, source: &VmDetails) -> Result<(), StepError> {
    if cx.memo().original.is_some() {
        return Ok(());
    }
    let view = vm::inventory(cx, &cold.source(cx)?).await?;
    let pool = source.pool.clone().map(|object| {
        let name = view.pools.get(&object).map_or_else(|| object.id.clone(), |p| p.name.clone());
        Named { object, name }
    });
    let allocation = |disk: &DiskDetails| {
        let thin = disk.backing.thin.unwrap_or(false);
        (thin, !thin && disk.backing.eager.unwrap_or(false))
    };
    let original = Original {
        powered_on: source.power == PowerState::On,
        pool,
        annotation: source.annotation.clone(),
        tools_ran: source.tools.running,
        start_connected: source.nics.iter().map(|n| (n.key, n.start_connected)).collect(),
        networks: source.nics.iter().map(|n| (n.key, facts::network_name(&view, n))).collect(),
        allocation: source.disks.iter().map(|d| (d.key, allocation(d))).collect(),
    };
    cx.save("what the source was", |m| m.original = Some(original)).await
}

/// Asks the guest and waits; whether it went off.
async fn ask_guest(cold: &Cold, cx: &mut ColdCx<'_>, source: &VmDetails) -> Result<bool, StepError> {
    let session = cold.source(cx)?.session;
    let now = cx.clock().now().as_second();
    if cx.memo().shutdown_asked.is_none() {
        cx.save("about to ask the guest to shut down", |m| m.shutdown_asked = Some(now)).await?;
    }
    // Asking twice does no harm; a refusal means that the guest is on its way, or will be powered off.
    match session.shutdown_guest(&source.vm).await {
        Ok(()) => {}
        Err(error) if error.fault_kind().is_some() => {
            cx.log(format!("vCenter would not ask the guest to shut down: {error}")).await?;
        }
        Err(error) => return Err(error.into()),
    }
    let asked = cx.memo().shutdown_asked.unwrap_or(now);
    let until = patience_ends(cx, asked);
    while cx.clock().mark() < until {
        let details = vm::source(cold, cx).await?;
        if details.power == PowerState::Off {
            return Ok(true);
        }
        refuse_suspended(&details)?;
        refuse_question(&details)?;
        vm::pause(cx, POLL).await?;
    }
    Ok(false)
}

/// When a guest that was asked to shut down has had its time, by the clock's mark.
fn patience_ends(cx: &ColdCx<'_>, asked: i64) -> Duration {
    let time = Duration::from_secs(cx.input().options.shutdown_timeout_seconds.into());
    over(&**cx.clock(), vm::at_second(asked), time)
}

/// A power-off would lose what a suspended VM has in its memory.
fn refuse_suspended(source: &VmDetails) -> Result<(), StepError> {
    if source.power == PowerState::Suspended {
        return Err(StepError::refused(format!(
            "'{}' was suspended since it was checked; its memory cannot be moved. Resume it, or power it off and lose what was in its memory.",
            source.name
        )));
    }
    Ok(())
}

fn refuse_question(source: &VmDetails) -> Result<(), StepError> {
    match &source.question {
        None => Ok(()),
        Some(question) => Err(StepError::refused(format!(
            "'{}' waits for an answer to: {} Answer it in the source vCenter, then retry.",
            source.name, question.text
        ))),
    }
}
