//! `hdm migrate cold --file`.

use std::path::Path;

use hdm_shared::codes::problem_type;
use hdm_shared::migration::MigrationView;
use hdm_shared::problem::{Finding, Problem};
use hdm_shared::schedule::Schedule;
use hdm_shared::wave::Said;
use serde_json::json;

use super::{migrate, status, timing, vcenter_id};
use crate::cli::{Cold, Output};
use crate::client::Client;
use crate::failure::Failure;
use crate::wave::check::{self, Checked, Judged};
use crate::wave::report::{self, Told};
use crate::wave::{self, Row};
use crate::{output, progress};

/// How often a request is made anew because some of its virtual machines were taken by another meanwhile.
const TRIES: u32 = 3;

/// Starts what a plan names, or says what that would be.
pub async fn run(client: &Client, output: Output, file: &Path, asked: Cold) -> Result<(), Failure> {
    let given = Said {
        vm: None,
        source: asked.source.as_deref().map(vcenter_id).transpose()?,
        cloud: asked.cloud.as_deref().map(vcenter_id).transpose()?,
        target: migrate::target_change(asked.target),
        options: migrate::options_change(asked.options),
    };
    let rows = wave::read(file, &given)
        .map_err(|findings| refusal("The plan has mistakes, and nothing was started.", findings))?;
    let schedule = timing::schedule(&asked.timing)?;
    let checked = check::check(client, &rows, schedule.as_ref(), asked.skip_blocked).await?;
    if asked.dry_run {
        let report = report::report(client, &checked).await?;
        if output == Output::Json {
            output::json(&report)?;
        } else {
            report::print(&report);
        }
    }
    if !checked.blocked.is_empty() && !asked.skip_blocked {
        let count = checked.blocked.len();
        if asked.dry_run {
            return Err(Failure::NotAdmitted(format!("Something stands in the way of {count} rows.")));
        }
        let detail = format!(
            "Nothing was started: something stands in the way of {count} of {} rows. Mend them, or start the others with --skip-blocked.",
            rows.len()
        );
        return Err(refusal(detail, check::obstacles(&checked.blocked)));
    }
    if asked.dry_run {
        return Ok(());
    }
    let mut started = start(client, checked, schedule.as_ref()).await?;
    if asked.wait {
        let ids: Vec<_> = started.views.iter().map(|view| view.id).collect();
        started.views = progress::watch(client, output, &ids).await?;
    }
    show(output, &started)?;
    if asked.wait { progress::judge(&started.views) } else { Ok(()) }
}

/// What was started, and what was not.
struct Started {
    views: Vec<MigrationView>,
    seen: Vec<Told>,
    left_out: Vec<Told>,
}

async fn start(client: &Client, checked: Checked, schedule: Option<&Schedule>) -> Result<Started, Failure> {
    let mut started = Started {
        views: Vec::new(),
        seen: checked.seen.iter().map(Told::seen).collect(),
        left_out: checked.blocked.iter().map(Told::blocked).collect(),
    };
    for request in checked.requests {
        let rows: Vec<Row> = request.into_iter().map(|judged| judged.row).collect();
        if let Err(failure) = start_one(client, rows, schedule, &mut started).await {
            if started.views.is_empty() {
                return Err(failure);
            }
            return Err(Failure::Other(format!(
                "{} were started, the others not: {failure} Give the same plan again: what was started is recognised.",
                started.views.len()
            )));
        }
    }
    Ok(started)
}

/// Makes one request. What somebody else has begun to move since the plan was looked at is left to them.
async fn start_one(
    client: &Client,
    mut rows: Vec<Row>,
    schedule: Option<&Schedule>,
    started: &mut Started,
) -> Result<(), Failure> {
    let mut tries = 0;
    loop {
        let Some(request) = check::request(&rows, schedule) else { return Ok(()) };
        let refused = match client.post::<Vec<MigrationView>>("/batches", &request).await {
            Ok(views) => {
                started.views.extend(views);
                return Ok(());
            }
            Err(failure) => failure,
        };
        tries += 1;
        let not_admitted = matches!(&refused, Failure::Refused(problem) if problem.status == 422);
        if !not_admitted || tries >= TRIES {
            return Err(refused);
        }
        let (seen, rest): (Vec<Judged>, Vec<Judged>) =
            check::ask(client, rows, schedule).await?.into_iter().partition(|judged| judged.seen().is_some());
        let blocked: Vec<Judged> = rest.iter().filter(|judged| !judged.plan.admitted()).cloned().collect();
        if seen.is_empty() {
            return if blocked.is_empty() {
                Err(refused)
            } else {
                let detail = "The request was refused, because something has changed since it was looked at.";
                Err(refusal(detail, check::obstacles(&blocked)))
            };
        }
        started.seen.extend(seen.iter().map(Told::seen));
        rows = rest.into_iter().map(|judged| judged.row).collect();
    }
}

fn show(output: Output, started: &Started) -> Result<(), Failure> {
    let Started { views, seen, left_out } = started;
    if output == Output::Json {
        return output::json(&json!({"started": views, "seen": seen, "left_out": left_out}));
    }
    if !views.is_empty() {
        status::show(output, views)?;
    }
    report::print_told(seen, "not started");
    report::print_told(left_out, "left out");
    println!(
        "{} started; {} moved already or on their way; {} left out.",
        views.len(),
        seen.len(),
        left_out.len()
    );
    Ok(())
}

fn refusal(detail: impl Into<String>, findings: Vec<Finding>) -> Failure {
    Failure::Refused(Box::new(Problem {
        kind: problem_type("not-admitted"),
        title: "Nothing was started".into(),
        status: 422,
        detail: detail.into(),
        findings,
    }))
}
