//! `hdm events`.

use std::time::Duration;

use hdm_shared::event::{EventPage, EventSeverity, EventView};

use crate::cli::{Events, Output};
use crate::client::Client;
use crate::failure::Failure;
use crate::output;
use crate::patience::Patience;

/// How often new events are asked for.
const ASK: Duration = Duration::from_secs(1);

/// Shows events.
pub async fn run(client: &Client, output: Output, asked: Events) -> Result<(), Failure> {
    let page: EventPage = client.find("/events", &[("limit", asked.limit.to_string())]).await?;
    if output == Output::Json && !asked.follow {
        return output::json(&page);
    }
    let mut last = 0;
    let mut patience = Patience::new(output);
    let mut events = page.events;
    loop {
        for event in &events {
            show(output, event)?;
            last = event.seq;
        }
        if !asked.follow {
            return Ok(());
        }
        tokio::time::sleep(ASK).await;
        let answer = client.find::<EventPage>("/events", &[("after", last.to_string())]).await;
        events = patience.bear(answer)?.map(|page| page.events).unwrap_or_default();
    }
}

/// One event on one line.
fn show(output: Output, event: &EventView) -> Result<(), Failure> {
    if output == Output::Json {
        let line = serde_json::to_string(event).map_err(|error| Failure::Other(error.to_string()))?;
        println!("{line}");
        return Ok(());
    }
    let severity = match event.severity {
        EventSeverity::Info => "info",
        EventSeverity::Warning => "warning",
        EventSeverity::Error => "error",
    };
    println!("{:.0}  {severity:<7}  {}  ({})", event.at, event.message, event.user);
    Ok(())
}
