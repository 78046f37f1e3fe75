//! Step `park-source`: the source waits in `HDM_MIGRATE_POOL`, or its notes say that it is being moved.

use hdm_vsphere::VmConfigChange;

use super::memo::Parked;
use super::vm::{self, Seen};
use super::{Cold, ColdCx, marker, pools, tell};
use crate::engine::StepError;

/// Moves the source to the pool; without DRS it stays and its notes say so.
pub async fn run(cold: &Cold, cx: &mut ColdCx<'_>) -> Result<(), StepError> {
    if let Some(pool) = pools::ensure(cold, cx, pools::MIGRATE).await? {
        let source = vm::source(cold, cx).await?;
        if source.pool.as_ref() == Some(&pool) {
            return remember(cx, Parked::Pool(pool)).await;
        }
        remember(cx, Parked::Pool(pool.clone())).await?;
        let session = cold.source(cx)?.session;
        session.move_into_resource_pool(&pool, std::slice::from_ref(&source.vm)).await?;
        vm::expect_source(cold, cx, "move to HDM_MIGRATE_POOL", |v| v.pool.as_ref() == Some(&pool))
            .await
            .map(|_| ())
    } else {
        if cx.memo().parked != Some(Parked::Stays) {
            let event = tell::stays(cx.input());
            cx.tell("note", event.message.clone(), Some(event), None).await?;
        }
        remember(cx, Parked::Stays).await?;
        let input = cx.input();
        let note = format!(
            "Being moved by HDM to {} as '{}'. Its cluster has no DRS, so it stays in its resource pool. Do not power it on.",
            input.cloud, input.target_name
        );
        set_notes(cold, cx, |notes, id| marker::with_note(notes, id, &note)).await
    }
}

/// Moves the source back, unless somebody has moved it elsewhere; takes our note out.
pub async fn undo(cold: &Cold, cx: &mut ColdCx<'_>) -> Result<(), StepError> {
    let Some(parked) = cx.memo().parked.clone() else { return Ok(()) };
    let Seen::There(source) = vm::look_at_source(cold, cx).await? else { return Ok(()) };
    let Parked::Pool(pool) = parked else {
        return set_notes(cold, cx, marker::without_note).await;
    };
    if source.pool.as_ref() != Some(&pool) {
        return Ok(());
    }
    bring_back(cold, cx).await
}

/// Moves the source to its own pool, wherever of ours it is.
pub async fn bring_back(cold: &Cold, cx: &mut ColdCx<'_>) -> Result<(), StepError> {
    let source = vm::source(cold, cx).await?;
    let back = back_to(cold, cx).await?;
    if source.pool.as_ref() == Some(&back) {
        return Ok(());
    }
    let session = cold.source(cx)?.session;
    session.move_into_resource_pool(&back, std::slice::from_ref(&source.vm)).await?;
    vm::expect_source(cold, cx, "move back to its resource pool", |v| v.pool.as_ref() == Some(&back))
        .await
        .map(|_| ())
}

/// The source's own pool, or the cluster's root pool if that one is gone.
async fn back_to(cold: &Cold, cx: &mut ColdCx<'_>) -> Result<hdm_vsphere::MoRef, StepError> {
    let site = cold.source(cx)?;
    let view = vm::inventory(cx, &site).await?;
    let own = cx.memo().original.as_ref().and_then(|o| o.pool.clone());
    if let Some(own) = own {
        if view.pools.contains_key(&own.object) {
            return Ok(own.object);
        }
        cx.log(format!(
            "The resource pool '{}' is gone; the source goes to its cluster's root pool.",
            own.name
        ))
        .await?;
    }
    pools::source_cluster(&view, cx).and_then(|c| c.root_pool.clone()).ok_or_else(|| {
        StepError::retry(format!(
            "The inventory of {} does not show where '{}' belongs.",
            site.id,
            cx.input().vm_name
        ))
    })
}

async fn remember(cx: &mut ColdCx<'_>, parked: Parked) -> Result<(), StepError> {
    if cx.memo().parked.as_ref() == Some(&parked) {
        return Ok(());
    }
    cx.save("about to park the source", |m| m.parked = Some(parked)).await
}

/// Changes the source's notes, if that changes anything.
pub async fn set_notes(
    cold: &Cold,
    cx: &mut ColdCx<'_>,
    change: impl Fn(&str, hdm_shared::MigrationId) -> String,
) -> Result<(), StepError> {
    let source = vm::source(cold, cx).await?;
    let notes = change(&source.annotation, cx.id());
    if notes == source.annotation {
        return Ok(());
    }
    let session = cold.source(cx)?.session;
    let spec = VmConfigChange { annotation: Some(notes.clone()), ..VmConfigChange::default() };
    let task = session.reconfigure_task(&source.vm, &spec, None).await;
    vm::finish(&session, task, &cold.patience(cx)).await?;
    vm::expect_source(cold, cx, "have its notes changed", |v| v.annotation == notes).await.map(|_| ())
}
