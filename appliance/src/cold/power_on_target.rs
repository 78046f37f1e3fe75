//! Step `power-on-target`: the request to power on the target, the point of no return.
//!
//! From the moment the step has begun nothing is deleted: the guest may have run, and what it wrote exists
//! only there.

use std::time::Duration;

use hdm_vsphere::{Error, MoRef, PowerState, VmDetails};

use super::{Cold, ColdCx, seal, vm};
use crate::engine::StepError;

/// How often a pending power-on is looked at for a question.
const ASK: Duration = Duration::from_secs(2);

/// Powers on the target if that was asked for.
pub async fn run(cold: &Cold, cx: &mut ColdCx<'_>) -> Result<(), StepError> {
    if !cx.input().options.power_on {
        return Ok(());
    }
    let target = vm::target(cold, cx).await?;
    if target.power == PowerState::On {
        return show_question(cx, None).await;
    }
    let source = seal::check(cold, cx).await.map_err(to_operator)?;
    if source.nics.iter().any(|n| n.start_connected) {
        return Err(StepError::operator(format!(
            "'{}' would connect at power-on again, so its copy is not powered on. Disconnect its adapters or remove it, then retry.",
            source.name
        )));
    }
    cx.save("about to power on the target", |m| m.power_on_asked = true).await?;
    power_on(cold, cx, &target.vm).await?;
    let target = vm::target(cold, cx).await?;
    if target.power == PowerState::On {
        return Ok(());
    }
    Err(StepError::retry(format!(
        "'{}' was to be powered on, but vCenter shows that it is not.",
        target.path
    )))
}

/// Powers on a copy; a question that holds the power-on up is shown while it lasts.
pub async fn power_on(cold: &Cold, cx: &mut ColdCx<'_>, copy: &MoRef) -> Result<(), StepError> {
    let session = cold.cloud(cx)?.session;
    let task = session.power_on_task(copy, None).await?;
    let (patience, clock) = (cold.patience(cx), cx.clock().clone());
    let mut waiting = std::pin::pin!(patience.bound(session.wait_task(&task, vm::unbounded(), |_| ())));
    let end = loop {
        tokio::select! {
            end = &mut waiting => break end,
            () = clock.sleep(ASK) => {}
        }
        if let Ok(details) = session.vm(copy).await {
            show_question(cx, Some(&details)).await?;
        }
    };
    match end {
        Some(Ok(_) | Err(Error::TaskVanished { .. })) => show_question(cx, None).await,
        end => Err(match &cx.memo().question {
            Some(question) => StepError::operator(format!(
                "The power-on waits for an answer in {}: {question} Answer it there, then retry.",
                cx.input().cloud
            )),
            None => match end {
                Some(Err(error)) => error.into(),
                _ => StepError::retry(format!(
                    "The power-on in {} did not end within {} s.",
                    cx.input().cloud,
                    cold.settings.task.as_secs()
                )),
            },
        }),
    }
}

/// Shows the question the VM asks, or that it asks none.
pub async fn show_question(cx: &mut ColdCx<'_>, vm: Option<&VmDetails>) -> Result<(), StepError> {
    let text = vm.and_then(|v| v.question.as_ref()).map(|question| {
        let choices: Vec<String> =
            question.choices.iter().map(|(key, label)| format!("{key}: {label}")).collect();
        format!("{} ({})", question.text, choices.join(", "))
    });
    if cx.memo().question == text {
        return Ok(());
    }
    cx.save("what vCenter asks about the target", |m| m.question = text).await
}

/// Past the point of no return a refusal is a person's to decide.
fn to_operator(error: StepError) -> StepError {
    match error {
        StepError::Refused { message } => StepError::operator(message),
        other => other,
    }
}
