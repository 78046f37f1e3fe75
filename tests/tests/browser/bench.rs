//! How large, how smooth and how quick the pages are, by Chromium's own account, before a lab of 10,000 VMs.
//!
//! `cargo xtask bench ui` prints it. Nothing here is asserted: a machine's speed is no property of the pages.

use std::time::{Duration, Instant};

use hdm_tests::browser::Browser;
use hdm_tests::lab::vm;
use hdm_tests::plugin::PluginServer;
use serde::Deserialize;
use serde_json::{Value, json};
use thirtyfour::cdp::Cdp;

use crate::{ADMINISTRATOR, Setting};

/// As many as a cluster's page of the wizard shows, those with a name of their own included.
const VMS: u64 = 10_000;
const NAMED: [&str; 2] = ["aaa-first", "aaa-second"];
const ROUNDS: usize = 7;
/// Frames in one round of scrolling.
const FRAMES: u32 = 60;
/// How far the table goes with each: a fast turn of the wheel, and nearly a page.
const STEPS_PX: [u32; 2] = [100, 400];
/// How many times slower the processor is made.
const SLOW: u32 = 4;

/// What a page's address says it is.
const PARTS: [(&str, &str); 7] = [
    ("htmlClientSdk", "the Client's own script"),
    ("/api/", "API"),
    ("/locales/", "language"),
    (".wasm", "program (wasm)"),
    (".js", "scripts"),
    (".css", "style sheet"),
    (".woff2", "fonts"),
];

/// What Chromium says of everything that a frame has fetched.
const FETCHED: &str = "return ['navigation', 'resource'].flatMap(kind => performance.getEntriesByType(kind)) \
    .map(e => ({name: new URL(e.name).pathname, received: e.transferSize, encoded: e.encodedBodySize, \
        decoded: e.decodedBodySize}));";

/// Beside the table a copy of it without a program: fifty rows, all of them in the document.
const COPY: &str = "const grid = document.querySelector('.hdm-grid'), plain = grid.cloneNode(true); \
    const {left, top, width, height} = grid.getBoundingClientRect(); \
    Object.assign(plain.style, {position: 'fixed', zIndex: 9, left: left + 'px', top: top + 'px', \
        width: width + 'px', height: height + 'px', maxHeight: 'none', margin: 0}); \
    plain.id = 'hdm-plain'; \
    const body = plain.querySelector('.hdm-grid-body'), rows = [...body.children]; \
    while (body.children.length < 50) body.append(rows[body.children.length % rows.length].cloneNode(true)); \
    [...body.children].forEach((row, at) => { row.style.top = at * 36 + 'px'; }); \
    body.style.height = 50 * 36 + 'px'; \
    grid.parentElement.append(plain); \
    return body.children.length;";

/// Scrolls to and fro by a step with each frame; tells how long each frame took, in milliseconds.
const SCROLL: &str = "const [css, step, frames, done] = arguments; \
    const box = document.querySelector(css), ticks = []; \
    let at = box.scrollTop, way = 1; \
    const tick = now => { \
        ticks.push(now); \
        if (ticks.length > frames) return done(ticks.slice(1).map((tick, n) => tick - ticks[n])); \
        const most = box.scrollHeight - box.clientHeight; \
        if (at + way * step > most || at + way * step < 0) way = -way; \
        at = Math.min(most, Math.max(0, at + way * step)); \
        box.scrollTop = at; \
        requestAnimationFrame(tick); \
    }; \
    requestAnimationFrame(tick);";

/// Notes what Chromium says of how long each event took, until the frame after it was painted.
const WATCH: &str = "window.hdmEvents = []; \
    new PerformanceObserver(list => window.hdmEvents.push(...list.getEntries())) \
        .observe({type: 'event', durationThreshold: 16});";

/// The longest event of the last click. Chromium tells of none that took less than 16 ms.
const LONGEST: &str = "const done = arguments[0], end = performance.now() + 2000; \
    const look = () => { \
        const seen = window.hdmEvents.filter(event => event.interactionId); \
        if (!seen.some(event => event.name === 'click') && performance.now() < end) return setTimeout(look, 50); \
        window.hdmEvents = []; \
        done(Math.max(16, ...seen.map(event => event.duration))); \
    }; \
    look();";

/// Notes in each page and frame when the first row of a table, or the greeting, has been painted: in milliseconds from
/// the moment its address was opened.
const SEEN: &str = "const look = () => document.querySelector('.hdm-grid-body .hdm-grid-row, #hello') \
        ? requestAnimationFrame(() => setTimeout(() => { window.hdmSeen = performance.now(); })) \
        : requestAnimationFrame(look); \
    requestAnimationFrame(look);";

#[derive(Deserialize)]
struct Fetched {
    name: String,
    received: u64,
    encoded: u64,
    decoded: u64,
}

/// The middle of several values, the least and the greatest.
fn spread(values: &[f64]) -> (f64, f64, f64) {
    let mut values = values.to_vec();
    values.sort_by(f64::total_cmp);
    (values[values.len() / 2], values[0], values[values.len() - 1])
}

async fn fetched(browser: &Browser) -> Vec<Fetched> {
    let told = browser.driver().execute(FETCHED, vec![]).await.unwrap();
    serde_json::from_value(told.json().clone()).unwrap()
}

/// What the first view has cost, by part.
async fn first_view(browser: &Browser) {
    let fetched = fetched(browser).await;
    println!("\nThe first view, In Progress, with an empty cache, in KB of 1,000 bytes:\n");
    println!("| part | files | received | of that bodies | unpacked |\n|---|---|---|---|---|");
    let kb = |bytes: u64| format!("{}.{}", bytes / 1_000, bytes % 1_000 / 100);
    let line = |what: &str, of: &[&Fetched]| {
        let sum = |part: fn(&Fetched) -> u64| kb(of.iter().map(|one| part(one)).sum());
        let (received, bodies, unpacked) = (sum(|f| f.received), sum(|f| f.encoded), sum(|f| f.decoded));
        println!("| {what} | {} | {received} | {bodies} | {unpacked} |", of.len());
    };
    let part_of =
        |file: &Fetched| PARTS.iter().find(|(end, _)| file.name.contains(end)).map_or("page", |part| part.1);
    let (theirs, ours) = fetched.iter().partition::<Vec<_>, _>(|file| part_of(file) == PARTS[0].1);
    for part in ["page"].into_iter().chain(PARTS[1..].iter().map(|part| part.1)) {
        line(part, &ours.iter().copied().filter(|file| part_of(file) == part).collect::<Vec<_>>());
    }
    line("all of HDM's", &ours);
    line(PARTS[0].1, &theirs);
}

/// Waits until the page or frame has been seen; tells after how many milliseconds, and how many bytes it has fetched.
async fn seen(browser: &Browser) -> (f64, u64) {
    let at = hdm_tests::wait::until("the first view is seen", async || {
        let told = browser.driver().execute("return window.hdmSeen ?? null;", vec![]).await;
        told.ok().and_then(|told| told.json().as_f64()).ok_or("not yet")
    })
    .await;
    let fetched = fetched(browser).await;
    let ours = fetched.iter().filter(|file| !file.name.contains(PARTS[0].0));
    (at, ours.map(|file| file.received).sum())
}

/// How long it takes from an address to the first view, with an empty cache, against the least page made with Leptos.
async fn against_hello(s: &Setting) {
    let pages =
        std::env::var_os("HDM_HELLO").expect("`cargo xtask bench ui` builds the page to compare with");
    let hello = PluginServer::with_pages("hello", &s.appliance, None, Some(pages.into())).await;
    let browser = s.browser(ADMINISTRATOR).await;
    let tools = browser.driver().cdp();
    tools.send_raw("Page.enable", json!({})).await.unwrap();
    tools.send_raw("Page.addScriptToEvaluateOnNewDocument", json!({"source": SEEN})).await.unwrap();
    tools.send_raw("Network.enable", json!({})).await.unwrap();
    tools.send_raw("Network.setCacheDisabled", json!({"cacheDisabled": true})).await.unwrap();
    println!("\nFrom an address to the first view, with an empty cache:\n");
    println!("| processor | view | ms | KB of 1,000 bytes |\n|---|---|---|---|");
    for times in [1, SLOW] {
        let (mut view, mut least, mut kb) = (Vec::new(), Vec::new(), [0, 0]);
        for _ in 0..ROUNDS {
            browser.client().await;
            browser.driver().goto(s.lab.onprem.ready.client_url.clone().unwrap()).await.unwrap();
            slow_down(&tools, times).await;
            s.open_cluster(&browser).await;
            let (at, bytes) = seen(&browser).await;
            view.push(at);
            kb[0] = bytes / 1_000;
            browser.client().await;
            browser.driver().goto(format!("{}/index.html", hello.url())).await.unwrap();
            let (at, bytes) = seen(&browser).await;
            least.push(at);
            kb[1] = bytes / 1_000;
            slow_down(&tools, 1).await;
        }
        let speed = if times == 1 { "as it is".to_owned() } else { format!("{times} × slower") };
        for (what, took, kb) in [("In Progress", &view, kb[0]), ("hello-world", &least, kb[1])] {
            let (middle, shortest, longest) = spread(took);
            println!("| {speed} | {what} | {middle:.0} ({shortest:.0}–{longest:.0}) | {kb} |");
        }
        println!("| | ratio | {:.2} | |", spread(&view).0 / spread(&least).0);
    }
}

/// How slow the processor is from now on.
async fn slow_down(tools: &Cdp, times: u32) {
    tools.send_raw("Emulation.setCPUThrottlingRate", json!({"rate": times})).await.unwrap();
}

/// For how long the page's main thread has been busy so far, in milliseconds.
async fn busy_ms(tools: &Cdp) -> f64 {
    let metrics = tools.performance().get_metrics().await.unwrap();
    metrics.iter().find(|metric| metric.name == "TaskDuration").unwrap().value * 1e3
}

/// Rounds of scrolling one table, in milliseconds.
#[derive(Default)]
struct Scrolled {
    frame: Vec<f64>,
    /// What one frame of twenty takes, or more.
    slow: Vec<f64>,
    busy: Vec<f64>,
}

impl Scrolled {
    async fn round(&mut self, browser: &Browser, tools: &Cdp, css: &str, step_px: u32) {
        let before = busy_ms(tools).await;
        let arguments = vec![json!(css), json!(step_px), json!(FRAMES)];
        let told = browser.driver().execute_async(SCROLL, arguments).await.unwrap();
        self.busy.push((busy_ms(tools).await - before) / f64::from(FRAMES));
        let mut frames: Vec<f64> = serde_json::from_value(told.json().clone()).unwrap();
        frames.sort_by(f64::total_cmp);
        self.frame.push(frames.iter().sum::<f64>() / f64::from(FRAMES));
        self.slow.push(frames[frames.len() * 19 / 20]);
    }

    fn all(&self) -> [&[f64]; 3] {
        [&self.frame, &self.slow, &self.busy]
    }
}

/// Frames while the wizard's table scrolls, against fifty plain rows.
async fn scrolling(browser: &Browser, tools: &Cdp) {
    let copied = browser.driver().execute(COPY, vec![]).await.unwrap();
    assert_eq!(*copied.json(), json!(50));
    tools.performance().enable().await.unwrap();
    println!("\nScrolling, {ROUNDS} rounds of {FRAMES} frames each:\n");
    println!(
        "| by | processor | rows | frame, ms | one frame of 20, ms or more | main thread busy per frame, ms |"
    );
    println!("|---|---|---|---|---|---|");
    for (step_px, times) in STEPS_PX.into_iter().flat_map(|px| [1, SLOW].map(|times| (px, times))) {
        slow_down(tools, times).await;
        let (mut table, mut plain) = (Scrolled::default(), Scrolled::default());
        for _ in 0..ROUNDS {
            table.round(browser, tools, ".hdm-grid", step_px).await;
            plain.round(browser, tools, "#hdm-plain", step_px).await;
        }
        let speed = if times == 1 { "as it is".to_owned() } else { format!("{times} × slower") };
        let line = |what: &str, of: &Scrolled| {
            let shown = of.all().map(|values| {
                let (middle, least, most) = spread(values);
                format!("{middle:.1} ({least:.1}–{most:.1})")
            });
            println!("| {step_px} px a frame | {speed} | {what} | {} |", shown.join(" | "));
        };
        line("10,000 in the table", &table);
        line("50 plain", &plain);
        let ratio = |at: usize| format!("{:.2}", spread(table.all()[at]).0 / spread(plain.all()[at]).0);
        println!("| | | ratio | {} |", [0, 1, 2].map(ratio).join(" | "));
    }
    slow_down(tools, 1).await;
}

/// From clicks on two things in turns, to the frames that are painted next.
async fn clicks(browser: &Browser, tools: &Cdp, what: [&str; 2], click: [impl AsyncFn(); 2]) {
    browser.driver().execute(WATCH, vec![]).await.unwrap();
    let mut took = [Vec::new(), Vec::new()];
    for _ in 0..ROUNDS {
        for (click, took) in click.iter().zip(&mut took) {
            slow_down(tools, SLOW).await;
            click().await;
            let told = browser.driver().execute_async(LONGEST, vec![]).await.unwrap();
            took.push(told.json().as_f64().unwrap());
            slow_down(tools, 1).await;
        }
    }
    for (what, took) in what.iter().zip(&took) {
        let (middle, least, most) = spread(took);
        println!("| {what} | {middle:.0} ({least:.0}–{most:.0}) |");
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "measures for people; `cargo xtask bench ui` runs it"]
async fn ui() {
    let begun = Instant::now();
    let named: Vec<Value> = NAMED.iter().map(|name| vm(name, &[1])).collect();
    let s = Setting::with_generated(Value::Array(named), VMS - NAMED.len() as u64).await;
    for name in NAMED {
        let id = s.appliance.migrate(name, &[]).await;
        s.appliance.settled(&id).await;
    }
    let browser = s.browser(ADMINISTRATOR).await;
    s.open_cluster(&browser).await;
    browser.read(NAMED[0]).await;
    first_view(&browser).await;
    drop(browser);
    against_hello(&s).await;

    let browser = s.browser(ADMINISTRATOR).await;
    let tools = browser.driver().cdp();
    browser.driver().set_script_timeout(Duration::from_secs(60)).await.unwrap();
    s.open_cluster(&browser).await;
    browser.read(NAMED[0]).await;
    println!("\nFrom a click to the frame that is painted next, {SLOW} × slower, {ROUNDS} times each:\n");
    println!("| click | ms |\n|---|---|");
    let press = |text: &'static str| {
        let browser = &browser;
        async move || browser.press(text).await
    };
    let tabs = ["In Progress to Summary", "Summary to In Progress"];
    clicks(&browser, &tools, tabs, [press("Summary"), press("In Progress")]).await;
    let details = ["open a migration's details", "close them"];
    clicks(&browser, &tools, details, [press(NAMED[0]), press("Close")]).await;

    browser.press("Migrate VMs").await;
    browser.dialog().await;
    for step in ["Select a migration type", "Select cloud"] {
        browser.press("Next").await;
        browser.read(step).await;
    }
    browser.click("#hdm-cloud-cloud").await;
    browser.press("Next").await;
    browser.read("0 of 10,000 selected").await;
    let sorts = ["sort 10,000 VMs by name", "sort them the other way"];
    clicks(&browser, &tools, sorts, [press("Name"), press("Name")]).await;
    let hit = |css: &'static str| {
        let browser = &browser;
        async move || browser.click(css).await
    };
    let first = ".hdm-grid-row:nth-child(3) [type=checkbox]";
    clicks(&browser, &tools, ["select one of 10,000 VMs", "deselect it"], [hit(first), hit(first)]).await;
    browser.click(first).await;
    let steps = ["Next, from 10,000 VMs to the target", "Back, to 10,000 VMs"];
    clicks(&browser, &tools, steps, [press("Next"), press("Back")]).await;

    scrolling(&browser, &tools).await;
    println!("\nIt took {} s.", begun.elapsed().as_secs());
}
