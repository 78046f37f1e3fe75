//! Step `retire-source`: the source is kept, off and disconnected, in `HDM_SUCCESS_POOL`, with a note.

use std::collections::BTreeMap;

use hdm_vsphere::PowerState;

use super::vm::{self, Seen};
use super::{Cold, ColdCx, connect, marker, park_source, pools, snapshot_source};
use crate::engine::StepError;

/// Tidies the source up. A source that somebody has removed meanwhile needs no tidying.
pub async fn run(cold: &Cold, cx: &mut ColdCx<'_>) -> Result<(), StepError> {
    let Seen::There(source) = vm::look_at_source(cold, cx).await? else {
        return cx
            .log(format!(
                "'{}' is not in the inventory any more; there is nothing to retire.",
                cx.input().vm_path
            ))
            .await;
    };
    if source.power != PowerState::Off {
        let session = cold.source(cx)?.session;
        let who = super::seal::who(&session, &source.vm, None).await;
        return Err(StepError::operator(format!(
            "'{}' was powered on again while its copy is in {}{who}. Decide which one to keep: power off the other, then hdm retry {}.",
            source.name,
            cx.input().cloud,
            cx.id()
        )));
    }
    if source.nics.iter().any(|n| n.start_connected) {
        cx.log(format!("Somebody let the adapters of '{}' connect again; disconnecting them.", source.name))
            .await?;
        let none: BTreeMap<i32, bool> = source.nics.iter().map(|n| (n.key, false)).collect();
        connect::set_source_nics(cold, cx, &none).await?;
    }
    snapshot_source::remove(cold, cx, &source).await?;
    if let Some(pool) = pools::ensure(cold, cx, pools::SUCCESS).await?
        && source.pool.as_ref() != Some(&pool)
    {
        let session = cold.source(cx)?.session;
        session.move_into_resource_pool(&pool, std::slice::from_ref(&source.vm)).await?;
        vm::expect_source(cold, cx, "move to HDM_SUCCESS_POOL", |v| v.pool.as_ref() == Some(&pool)).await?;
    }
    let note = note(cx);
    park_source::set_notes(cold, cx, |notes, id| marker::with_note(notes, id, &note)).await
}

/// Where the VM went and how to undo it. The same whenever it is written.
fn note(cx: &ColdCx<'_>) -> String {
    let input = cx.input();
    let as_of = cx.memo().seal.as_ref().map(|s| format!(", as of {:.0}", s.since)).unwrap_or_default();
    format!(
        "{} {} as '{}'{as_of}. This copy is kept powered off and disconnected. To use it again: hdm source release {}",
        marker::MOVED,
        input.cloud,
        input.target_name,
        input.source
    )
}
