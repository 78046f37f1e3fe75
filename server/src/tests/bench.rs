//! What the plugin server adds to a request, against a bare handler that answers the same bytes.
//!
//! Both are asked in turns, over loopback and without TLS, by the same client in the same process, which shares the
//! machine's cores with them. The clock of the sessions stands still: nothing is asked of vCenter meanwhile.

use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Bytes;
use axum::http::{HeaderMap, Method, StatusCode, header};
use futures_util::future::join_all;

use super::setting::{ONPREM, Setting, of_vm, vm};
use crate::session::rights::Mask;

const SESSIONS: usize = 200;
/// So many migrations does each page follow: few, and as many as one request may start.
const MIGRATIONS: [u32; 2] = [10, 500];
/// How many requests are under way at once.
const AT_ONCE: usize = 8;
const ROUNDS: usize = 7;
const ROUND: Duration = Duration::from_millis(1_200);
/// It ends by itself, whatever happens.
const LIMIT: Duration = Duration::from_secs(110);
/// What a warm menu is to take at most, in milliseconds, but for one of a hundred.
const MENU_GOAL_MS: f64 = 50.0;

/// What a session asks again and again.
#[derive(Clone)]
struct Question {
    method: Method,
    path: String,
    headers: HeaderMap,
    body: String,
}

impl Question {
    fn new(method: Method, path: &str, headers: &[(&'static str, &str)], body: String) -> Self {
        let headers = headers.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()));
        Self { method, path: path.into(), headers: headers.collect(), body }
    }

    async fn ask(&self, http: &reqwest::Client, server: &str) -> (StatusCode, HeaderMap, Bytes) {
        let request = http.request(self.method.clone(), format!("{server}{}", self.path));
        let answer = request.headers(self.headers.clone()).body(self.body.clone()).send().await.unwrap();
        let (status, headers) = (answer.status(), answer.headers().clone());
        (status, headers, answer.bytes().await.unwrap())
    }
}

/// What one round, or the middle one of several, came to.
#[derive(Clone, Copy)]
struct Measured {
    per_second: f64,
    p50_ms: f64,
    p99_ms: f64,
}

async fn listen(app: Router) -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(axum::serve(listener, app).into_future());
    format!("http://{address}")
}

/// A server that reads each request and gives always the same answer.
async fn bare((status, mut headers, body): (StatusCode, HeaderMap, Bytes)) -> String {
    for made in [header::CONTENT_LENGTH, header::DATE] {
        headers.remove(made);
    }
    let answer = move |_: Bytes| std::future::ready((status, headers.clone(), body.clone()));
    listen(Router::new().fallback(answer)).await
}

/// Asks one server for the length of a round, each question in turn.
async fn round(http: &reqwest::Client, server: &str, questions: &[Question], status: StatusCode) -> Measured {
    let begun = Instant::now();
    let workers = (0..AT_ONCE).map(|first| {
        let (http, server) = (http.clone(), server.to_owned());
        let mine: Vec<Question> = questions.iter().skip(first).step_by(AT_ONCE).cloned().collect();
        tokio::spawn(async move {
            let mut took = Vec::new();
            for question in mine.iter().cycle() {
                let asked = Instant::now();
                let answer = question.ask(&http, &server).await;
                took.push(asked.elapsed());
                assert_eq!(answer.0, status, "{}: {:?}", question.path, answer.2);
                if begun.elapsed() > ROUND {
                    break;
                }
            }
            took
        })
    });
    let mut took: Vec<f64> = Vec::new();
    for worker in join_all(workers).await {
        took.extend(worker.unwrap().iter().map(|took| took.as_secs_f64() * 1e3));
    }
    let all = begun.elapsed();
    took.sort_by(f64::total_cmp);
    #[allow(clippy::cast_precision_loss, reason = "some thousands")]
    let per_second = took.len() as f64 / all.as_secs_f64();
    Measured { per_second, p50_ms: took[took.len() / 2], p99_ms: took[took.len() * 99 / 100] }
}

/// The middle one of several values, and the least and the greatest, as they are shown.
fn middle(rounds: &[Measured], of: impl Fn(&Measured) -> f64, digits: usize) -> (f64, String) {
    let mut values: Vec<f64> = rounds.iter().map(of).collect();
    values.sort_by(f64::total_cmp);
    let (least, middle, most) = (values[0], values[values.len() / 2], values[values.len() - 1]);
    (middle, format!("{middle:.digits$} ({least:.digits$}–{most:.digits$})"))
}

/// Asks the server and a bare one in turns, and prints a line for each; gives the server's p99 in milliseconds.
async fn compare(what: &str, server: &str, questions: &[Question]) -> f64 {
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    // Every session is asked for once beforehand, and so everything is warm.
    let mut answer = questions[0].ask(&http, server).await;
    for question in questions {
        let again = question.ask(&http, server).await;
        assert_eq!((again.0, &again.2), (answer.0, &answer.2), "the sessions are told the same");
        answer = again;
    }
    let status = answer.0;
    let bare = bare(answer).await;
    let mut rounds = [Vec::new(), Vec::new()];
    for _ in 0..ROUNDS {
        for (rounds, server) in rounds.iter_mut().zip([server, &bare]) {
            rounds.push(round(&http, server, questions, status).await);
        }
    }
    let values = rounds.each_ref().map(|rounds| {
        let (rate, p50, p99) = (
            middle(rounds, |r| r.per_second, 0),
            middle(rounds, |r| r.p50_ms, 2),
            middle(rounds, |r| r.p99_ms, 2),
        );
        ([rate.0, p50.0, p99.0], [rate.1, p50.1, p99.1].join(" | "))
    });
    let [(relay, relay_shown), (bare, bare_shown)] = values;
    let ratio = |at: usize| relay[at] / bare[at];
    println!("| {what} | plugin server | {relay_shown} |");
    println!("| | bare handler | {bare_shown} |");
    println!("| | ratio | {:.2} | {:.2} | {:.2} |", ratio(0), ratio(1), ratio(2));
    relay[2]
}

/// What each page asks that has been told everything.
async fn polls(s: &Setting) -> Vec<Question> {
    let mut polls = Vec::new();
    for n in 0..SESSIONS {
        let grant = s.grant(&format!("user-{n}"), None).await;
        let mut path = "/api/changes?since=0".to_owned();
        let tag = loop {
            let answer = s.get(&grant, &path).await;
            let page = answer.json();
            path = format!("/api/changes?since={}", page["cursor"]);
            if page["migrations"].as_array().unwrap().is_empty() {
                break answer.headers["etag"].to_str().unwrap().to_owned();
            }
        };
        let token = format!("Bearer {}", grant.token);
        let headers = [("authorization", token.as_str()), ("if-none-match", &tag)];
        polls.push(Question::new(Method::GET, &path, &headers, String::new()));
    }
    polls
}

/// The menu of a VM that is not being migrated.
fn menus(vm: u32) -> Vec<Question> {
    let urn = format!("urn:vmomi:VirtualMachine:vm-{vm}:{ONPREM}");
    let body = serde_json::json!({"apiVersion": "1.0.0", "objectIds": [urn], "locale": "en-US"}).to_string();
    let menu = |n| {
        let token = format!("token-of-user-{n}");
        let headers = [("vmware-api-session-id", token.as_str()), ("content-type", "application/json")];
        Question::new(Method::POST, "/dyn/vm/menu", &headers, body.clone())
    };
    (0..SESSIONS).map(menu).collect()
}

/// So many migrations, and all users logged in; each may move one VM more.
async fn setting(migrations: u32) -> Setting {
    let s = Setting::new().await;
    s.appliance.change(|world| {
        world.cursor += 1;
        world.migrations = (1..=migrations).map(of_vm).collect();
    });
    s.app.feed.round().await;
    for n in 0..SESSIONS {
        let session = s.log_in(&format!("user-{n}"));
        (1..=migrations + 1).for_each(|n| session.grant(&vm(n), Mask::ALL));
        s.grant(&format!("user-{n}"), None).await;
        // Not all of them come within one second: vCenter is asked for so many tickets a second and no more.
        if n % 5 == 4 {
            s.pass(1);
        }
    }
    s
}

async fn measure() {
    println!("\n{SESSIONS} sessions, {AT_ONCE} requests at once, {ROUNDS} rounds each.\n");
    println!("| asked | of | requests/s | p50, ms | p99, ms |\n|---|---|---|---|---|");
    let mut menu_ms = 0.0;
    for migrations in MIGRATIONS {
        let s = setting(migrations).await;
        let polls = polls(&s).await;
        let asked = s.gate.count();
        let server = listen(s.router()).await;
        compare(&format!("`api/changes`, unchanged, of {migrations} migrations"), &server, &polls).await;
        if migrations == MIGRATIONS[MIGRATIONS.len() - 1] {
            menu_ms = compare("`dyn/vm/menu`, warm", &server, &menus(migrations + 1)).await;
        }
        assert_eq!(s.gate.count(), asked, "vCenter is not asked");
    }
    let met = if menu_ms < MENU_GOAL_MS { "met" } else { "missed" };
    println!("\nA warm menu's p99 is {menu_ms:.2} ms; the goal, less than {MENU_GOAL_MS} ms, is {met}.");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "measures for people; `cargo xtask bench server` runs it"]
async fn server() {
    tokio::time::timeout(LIMIT, measure()).await.expect("it ends in time");
}
