//! Server-sent events: a migration as it changes, and the event log as it grows.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, State};
use axum::response::sse::{Event, KeepAlive, Sse};
use futures_util::{Stream, StreamExt, stream};
use hdm_shared::event::EventSeverity;
use serde::Deserialize;
use utoipa::IntoParams;

use super::migrations::{id, look};
use super::{Api, ApiError, Shared};
use crate::store::EventFilter;

/// How often progress is looked at; changes of state come at once.
const TICK: Duration = Duration::from_millis(500);

/// A migration, whenever it changes, as `MigrationView`; ends when it has ended.
#[utoipa::path(get, path = "/api/v1/migrations/{id}/stream", tag = "migrations", params(("id" = String, Path)),
    responses((status = 200, description = "Server-sent events; each data line is a MigrationView", content_type = "text/event-stream")))]
pub async fn migration(
    State(api): Shared,
    Path(text): Path<String>,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>>>, ApiError> {
    let id = id(&text)?;
    look(&api, id).await?;
    let states = stream::unfold((api, String::new(), false), move |(api, mut last, ended)| async move {
        if ended {
            return None;
        }
        let mut changes = api.engine.changes();
        loop {
            let view = look(&api, id).await.ok()?;
            let text = serde_json::to_string(&view).ok()?;
            if text != last {
                last.clone_from(&text);
                let event = Event::default().event("migration").data(text);
                return Some((Ok(event), (api, last, view.state.is_final())));
            }
            wait(&mut changes).await;
        }
    });
    Ok(Sse::new(states).keep_alive(KeepAlive::default()))
}

/// Which events to follow.
#[derive(Clone, Copy, Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct StreamQuery {
    /// Those after this number; those to come if not given.
    after: Option<i64>,
    /// Only those of this severity: `info`, `warning` or `error`.
    #[param(value_type = Option<String>)]
    severity: Option<EventSeverity>,
}

/// The event log as it grows, as `EventView`.
#[utoipa::path(get, path = "/api/v1/events/stream", tag = "events", params(StreamQuery),
    responses((status = 200, description = "Server-sent events; each data line is an EventView", content_type = "text/event-stream")))]
pub async fn events(
    State(api): Shared,
    query: Result<Query<StreamQuery>, QueryRejection>,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>>>, ApiError> {
    let Query(query) = query?;
    let after = match query.after {
        Some(after) => after,
        None => api.store.events(None, 1).await?.last().map_or(0, |e| e.seq),
    };
    let severity = query.severity;
    let pages = stream::unfold((api, after), move |(api, after)| async move {
        let (events, after) = next_page(&api, after, severity).await?;
        Some((stream::iter(events), (api, after)))
    });
    Ok(Sse::new(pages.flatten()).keep_alive(KeepAlive::default()))
}

async fn next_page(
    api: &Arc<Api>,
    after: i64,
    severity: Option<EventSeverity>,
) -> Option<(Vec<Result<Event, Infallible>>, i64)> {
    let mut changes = api.engine.changes();
    loop {
        let filter = EventFilter { after: Some(after), severity, limit: 100, ..EventFilter::default() };
        let page = api.store.find_events(filter).await.ok()?;
        if let Some(last) = page.last() {
            let newest = last.seq;
            let lines = page.iter().filter_map(|event| {
                let text = serde_json::to_string(event).ok()?;
                Some(Ok(Event::default().event("event").id(event.seq.to_string()).data(text)))
            });
            return Some((lines.collect(), newest));
        }
        wait(&mut changes).await;
    }
}

async fn wait(changes: &mut tokio::sync::watch::Receiver<u64>) {
    tokio::select! {
        _ = changes.changed() => {}
        () = tokio::time::sleep(TICK) => {}
    }
}
