//! Step `await-tools`: the guest at the target shows that it is up.
//!
//! Only if VMware Tools ran in the source, and for 30 minutes in all (manual: boot failures). A guest that
//! has shown a sign of life is never restarted; one that never has, or whose power went off, is restarted as
//! often as the request allows, each start having an equal share of the time.

use std::time::Duration;

use hdm_vsphere::{Heartbeat, PowerState};

use super::power_on_target::{power_on, show_question};
use super::{Cold, ColdCx, vm};
use crate::engine::{StepError, spent};

const POLL: Duration = Duration::from_secs(1);

/// Waits for the guest.
pub async fn run(cold: &Cold, cx: &mut ColdCx<'_>) -> Result<(), StepError> {
    let tools_ran = cx.memo().original.as_ref().is_some_and(|o| o.tools_ran);
    if !cx.input().options.power_on || !tools_ran {
        return Ok(());
    }
    let now = cx.clock().now().as_second();
    if cx.memo().tools_since.is_none() {
        cx.save("the wait for the guest begins", |m| m.tools_since = Some(now)).await?;
    }
    let end = wait(cold, cx).await;
    if matches!(end, Err(StepError::Operator { .. })) {
        // A retry gets the whole time again.
        cx.save("the wait for the guest is over", |m| {
            m.tools_since = None;
            m.guest_restarts = 0;
        })
        .await?;
    }
    end
}

async fn wait(cold: &Cold, cx: &mut ColdCx<'_>) -> Result<(), StepError> {
    let allowed = cx.input().options.restart_guest;
    let total = vm::as_seconds(cold.settings.tools);
    let share = total / i64::from(allowed + 1);
    let began = cx.memo().tools_since.map_or_else(|| cx.clock().now(), vm::at_second);
    let before = spent(&**cx.clock(), began, cold.settings.tools);
    let mark = cx.clock().mark();
    loop {
        let target = vm::target(cold, cx).await?;
        show_question(cx, Some(&target)).await?;
        if target.tools.running {
            return show_question(cx, None).await;
        }
        if target.heartbeat != Heartbeat::Gray && !cx.memo().guest_alive {
            cx.save("the guest has shown a sign of life", |m| m.guest_alive = true).await?;
        }
        let alive = cx.memo().guest_alive;
        let elapsed = vm::as_seconds(before + cx.clock().mark().saturating_sub(mark));
        let restarts = cx.memo().guest_restarts;
        let off = target.power == PowerState::Off;
        if elapsed >= total || (off && restarts >= allowed) {
            return Err(StepError::operator(stuck(cx, &target.path, off, elapsed)));
        }
        let share_is_over = elapsed >= share * i64::from(restarts + 1);
        if off || (!alive && share_is_over && restarts < allowed) {
            vm::source_is_away(cold, cx).await?;
            cx.save("about to restart the guest", |m| m.guest_restarts += 1).await?;
            cx.log(format!("Restarting the guest of '{}': {} of {allowed}.", target.path, restarts + 1))
                .await?;
            if off {
                power_on(cold, cx, &target.vm).await?;
            } else {
                let session = cold.cloud(cx)?.session;
                let task = session.reset_task(&target.vm).await;
                vm::finish(&session, task, &cold.patience(cx)).await?;
            }
        }
        vm::pause(cx, POLL).await?;
    }
}

fn stuck(cx: &ColdCx<'_>, target: &str, off: bool, elapsed: i64) -> String {
    let what = if off {
        "went off again".to_owned()
    } else {
        format!("did not report VMware Tools within {} min", elapsed / 60)
    };
    let question = match &cx.memo().question {
        Some(question) => format!(" vCenter asks: {question}"),
        None => String::new(),
    };
    format!(
        "'{target}' in {} {what}.{question} Both copies are kept; look at its console. When it is well: hdm retry {}. To go back, power it off and release the source: hdm source release {}.",
        cx.input().cloud,
        cx.id(),
        cx.input().source
    )
}
