//! Step `recheck`: everything admission checked is checked again when the VM leaves the queue.

use hdm_shared::problem::Finding;

use super::{Cold, ColdCx, admit, vm};
use crate::engine::StepError;

/// Refuses with every blocker there is now.
pub async fn run(cold: &Cold, cx: &mut ColdCx<'_>) -> Result<(), StepError> {
    let input = cx.input().clone();
    let (from, to) = (cold.source(cx)?, cold.cloud(cx)?);
    for site in [&from, &to] {
        vm::ready(cx, site, site.inventory.live()).await?;
    }
    let details = vm::source(cold, cx).await?;
    let open = admit::reservations(cold, Some(cx.id())).await.map_err(|e| StepError::retry(e.to_string()))?;
    let found =
        admit::judge(&from, &to, &details, &input.place, &input.options, &input.target_name, &open).await?;
    let blockers: Vec<&Finding> = found.iter().filter(|f| f.blocks()).collect();
    if blockers.is_empty() {
        return Ok(());
    }
    let text: Vec<String> = blockers.iter().map(|f| format!("{} {}", f.message, f.remedy)).collect();
    let text = text.join(" ");
    // Room was there when it was promised, and may be there again in a minute; the VM still runs where it is.
    if blockers.iter().all(|f| f.code == "space-short") {
        return Err(StepError::Passing {
            what: format!("room on the datastore '{}'", input.place.datastore.name),
            why: text,
        });
    }
    Err(StepError::refused(text))
}
