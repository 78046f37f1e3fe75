//! One Chromium at the stand-in of the vSphere Client. What a test does here a person could do: it clicks what is
//! seen and types where the focus is.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use serde_json::json;
use tempfile::TempDir;
use thirtyfour::prelude::*;
use tokio::process::{Child, Command};
use tokio::sync::{Mutex, MutexGuard};

use crate::lab::Site;
use crate::product::free_address;
use crate::wait;

/// The key of HDM's plug-in.
const KEY: &str = "com.hdm.plugin";

/// Two browsers at once would each be half as fast, and a page's patience is for fast ones.
static ONE: Mutex<()> = Mutex::const_new(());

/// The accessibility rules, where `npm ci` puts them.
const AXE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../ui/node_modules/axe-core/axe.min.js");

/// A browser with one window.
pub struct Browser {
    driver: WebDriver,
    profile: TempDir,
    /// Words of complaints in the console that a test brings about on purpose.
    expected: Vec<&'static str>,
    /// The frame that is looked at; the Client's own page without one.
    inside: std::sync::Mutex<Option<&'static str>>,
    _process: Child,
    _one: Option<MutexGuard<'static, ()>>,
}

impl Browser {
    /// Starts the browser, with a window of 1280 × 900 pixels, once no other test has one.
    pub async fn start() -> Self {
        let one = ONE.lock().await;
        Self::open_one(Some(one)).await
    }

    /// A second browser beside this one.
    pub async fn beside(&self) -> Self {
        Self::open_one(None).await
    }

    async fn open_one(one: Option<MutexGuard<'static, ()>>) -> Self {
        let address = free_address();
        let port = address.rsplit(':').next().unwrap_or_default().to_owned();
        let mut command = Command::new("chromedriver");
        command.arg(format!("--port={port}")).stdin(Stdio::null()).stdout(Stdio::null()).kill_on_drop(true);
        let process = command.spawn().expect("chromedriver starts (Debian: chromium-driver)");
        let profile = tempfile::Builder::new().prefix("hdm-chromium-").tempdir().unwrap();
        let mut wanted = DesiredCapabilities::chrome();
        let folder = format!("--user-data-dir={}", profile.path().display());
        for argument in [
            "--headless=new",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            "--window-size=1280,900",
            &folder,
        ] {
            wanted.add_arg(argument).unwrap();
        }
        wanted.accept_insecure_certs(true).unwrap();
        wanted.set("goog:loggingPrefs", json!({"browser": "ALL"})).unwrap();
        let url = format!("http://{address}");
        let driver = wait::until("the browser starts", async || {
            WebDriver::new(&url, wanted.clone()).await.map_err(|error| error.to_string())
        })
        .await;
        Self {
            driver,
            profile,
            expected: Vec::new(),
            inside: std::sync::Mutex::new(None),
            _process: process,
            _one: one,
        }
    }

    /// The session, for what has no word of its own here.
    pub fn driver(&self) -> &WebDriver {
        &self.driver
    }

    /// Says that complaints with these words are part of the test.
    pub fn expect(&mut self, words: &[&'static str]) {
        self.expected.extend(words);
    }

    /// Opens the Client of a site and logs in.
    pub async fn log_in(&self, site: &Site, user: &str, password: &str) {
        let url = site.ready.client_url.clone().expect("the site serves a vSphere Client");
        self.driver.goto(url).await.unwrap();
        self.write(&id("login-user"), user).await;
        self.write(&id("login-password"), password).await;
        self.click(&id("login-submit")).await;
        self.see(&id("main-menu")).await;
    }

    /// Takes a value in a submenu of the user's menu, such as `theme`, `dark`.
    pub async fn choose(&self, menu: &str, value: &str) {
        self.client().await;
        let (button, submenu) = (id("user-menu"), id(&format!("menu-{menu}")));
        // A menu closes when the Client puts something else in place meanwhile, as it does after a login.
        let open = By::Css(submenu.clone());
        wait::until("the user's menu is open", async || {
            if self.shown(&open).await.is_err() {
                self.click(&button).await;
            }
            self.shown(&open).await.map(drop)
        })
        .await;
        self.click(&submenu).await;
        self.click(&id(&format!("{menu}-{value}"))).await;
    }

    /// Opens a page of the Client by what stands behind `#`.
    pub async fn go(&self, place: &str) {
        self.client().await;
        self.driver.execute("location.hash = arguments[0]", vec![json!(place)]).await.unwrap();
    }

    /// Back to the Client's own page.
    pub async fn client(&self) {
        *self.inside.lock().unwrap() = None;
        self.driver.enter_default_frame().await.unwrap();
    }

    /// Goes into the plug-in's page that fills the view.
    pub async fn view(&self) {
        self.enter("main [data-testid=plugin-frame]").await;
    }

    /// Goes into the plug-in's page in a dialog.
    pub async fn dialog(&self) {
        self.enter("dialog [data-testid=plugin-frame]").await;
    }

    async fn enter(&self, frame: &'static str) {
        wait::until(frame, async || self.step_into(frame).await.map_err(said)).await;
        *self.inside.lock().unwrap() = Some(frame);
    }

    async fn step_into(&self, frame: &str) -> WebDriverResult<()> {
        self.driver.enter_default_frame().await?;
        self.driver.find(By::Css(frame)).await?.enter_frame().await?;
        // A page that is being replaced is no page.
        self.driver.find(By::Css("body *")).await.map(drop)
    }

    /// Chooses an entry of HDM's submenu in the menu of an object that is in the tree or the list.
    pub async fn act_on(&self, object: &str, action: &str) {
        let found = self.see(object).await;
        self.driver.action_chain().context_click_element(&found).perform().await.unwrap();
        self.click(&id(&format!("menu-{KEY}"))).await;
        self.click(&id(&format!("action-{action}"))).await;
    }

    /// Opens an address of HDM's global view.
    pub async fn home(&self) {
        self.client().await;
        self.click(&id("main-menu")).await;
        self.click(&id(&format!("menu-global-{KEY}"))).await;
    }

    /// Waits until something is shown.
    pub async fn see(&self, css: &str) -> WebElement {
        wait::until(css, async || self.shown(&By::Css(css)).await).await
    }

    /// Waits until a text is shown.
    pub async fn read(&self, text: &str) -> WebElement {
        wait::until(text, async || self.shown(&By::XPath(containing(text))).await).await
    }

    /// Waits until a text is shown inside what an `XPath` names.
    pub async fn read_in(&self, place: &str, text: &str) -> WebElement {
        let inside = By::XPath(format!("{place}//*[contains(normalize-space(.), {})]", quoted(text)));
        wait::until(text, async || self.shown(&inside).await).await
    }

    /// Waits until nothing shows a text any more.
    pub async fn gone(&self, text: &str) {
        wait::until(text, async || match self.shown(&By::XPath(containing(text))).await {
            Ok(_) => Err("it is still there"),
            Err(_) => Ok(()),
        })
        .await;
    }

    /// Waits until the page that is looked at is reading nothing any more.
    pub async fn loaded(&self) {
        wait::until("the page has read everything", async || match self.shown(&By::Css(".spinner")).await {
            Ok(_) => Err("it is reading"),
            Err(_) => Ok(()),
        })
        .await;
    }

    /// Lets nothing move from now on, as for people who asked their system for that: a picture is of no instant.
    pub async fn keep_still(&self) {
        let reduce = json!({"features": [{"name": "prefers-reduced-motion", "value": "reduce"}]});
        self.driver.cdp().send_raw("Emulation.setEmulatedMedia", reduce).await.unwrap();
    }

    /// Whether a text is shown now.
    pub async fn reads(&self, text: &str) -> bool {
        self.shown(&By::XPath(containing(text))).await.is_ok()
    }

    async fn shown(&self, by: &By) -> Result<WebElement, String> {
        let inside = *self.inside.lock().unwrap();
        if let Some(frame) = inside
            && self.driver.find(By::Tag("body")).await.is_err()
        {
            // The Client has put another page in the place of this one.
            self.step_into(frame).await.map_err(said)?;
        }
        for found in self.driver.find_all(by.clone()).await.map_err(said)? {
            if found.is_displayed().await.map_err(said)? {
                return Ok(found);
            }
        }
        Err(format!("nothing of the kind is shown; the page says: {}", self.words().await))
    }

    /// What the page that is looked at says.
    pub async fn words(&self) -> String {
        let body = self.driver.find(By::Tag("body")).await;
        match body {
            Ok(body) => body.text().await.unwrap_or_default().replace('\n', " | "),
            Err(error) => said(error),
        }
    }

    /// Clicks, as soon as that is possible.
    pub async fn click(&self, css: &str) {
        self.hit(&By::Css(css.to_owned())).await;
    }

    /// Presses the button or tab with this text.
    pub async fn press(&self, text: &str) {
        let button = format!(
            "(//button|//*[@role='tab' or @role='menuitem'])[normalize-space(.)={0} or @aria-label={0}]",
            quoted(text)
        );
        self.hit(&By::XPath(button)).await;
    }

    async fn hit(&self, by: &By) {
        wait::until(&format!("{by:?}"), async || {
            let found = self.shown(by).await?;
            if found.attr("aria-disabled").await.map_err(said)?.as_deref() == Some("true")
                || !found.is_enabled().await.map_err(said)?
            {
                return Err("it is disabled".to_owned());
            }
            found.click().await.map_err(said)
        })
        .await;
    }

    /// Opens a menu by its button, and chooses an entry. The menu must be where its button is.
    pub async fn choose_in(&self, button: &str, entry: &str) {
        self.press(button).await;
        let menu = self.see("[role=menu]").await.rect().await.unwrap();
        let opener = By::XPath(format!("//button[@aria-label={}]", quoted(button)));
        let opener = self.shown(&opener).await.unwrap().rect().await.unwrap();
        let apart = |a: f64, a_size: f64, b: f64, b_size: f64| (b - (a + a_size)).max(a - (b + b_size));
        assert!(
            apart(menu.x, menu.width, opener.x, opener.width) <= 2.0
                && apart(menu.y, menu.height, opener.y, opener.height) <= 2.0,
            "the menu of '{button}' is at {menu:?}, its button at {opener:?}"
        );
        let entry = format!("//*[@role='menu']//*[normalize-space(.)={}]", quoted(entry));
        self.hit(&By::XPath(entry)).await;
    }

    /// Whether the button with this text can be pressed.
    pub async fn can_press(&self, text: &str) -> bool {
        let button = format!("//button[normalize-space(.)={0} or @aria-label={0}]", quoted(text));
        let found = wait::until(text, async || self.shown(&By::XPath(button.clone())).await).await;
        found.is_enabled().await.unwrap()
    }

    /// Puts a text in the place of what a field holds.
    pub async fn write(&self, css: &str, text: &str) {
        let field = self.see(css).await;
        field.clear().await.unwrap();
        field.send_keys(text).await.unwrap();
    }

    /// Chooses the entry of a list of choices that begins with a text.
    pub async fn pick(&self, css: &str, entry: &str) {
        self.see(css).await;
        let option = format!("{css} option");
        wait::until(entry, async || {
            for option in self.driver.find_all(By::Css(option.clone())).await.map_err(said)? {
                if option.text().await.map_err(said)?.starts_with(entry) {
                    return option.click().await.map_err(said);
                }
            }
            Err("there is no such entry".to_owned())
        })
        .await;
    }

    /// Presses keys, one after the other, wherever the focus is.
    pub async fn keys(&self, keys: &[Key]) {
        for key in keys {
            self.driver.action_chain().send_keys(key.value().to_string()).perform().await.unwrap();
        }
    }

    /// Types a text wherever the focus is.
    pub async fn type_text(&self, text: &str) {
        self.driver.action_chain().send_keys(text).perform().await.unwrap();
    }

    /// Goes on with a key until the focus is on what is named: by its text, its label, its id or its test id.
    pub async fn lead(&self, key: Key, name: &str) {
        const FOCUSED: &str = "const e = document.activeElement; if (!e) return []; \
            return [e.id, e.dataset.testid, e.getAttribute('aria-label'), e.labels?.[0]?.textContent, e.textContent] \
                .map(t => (t ?? '').trim()).filter(t => t);";
        let mut seen = Vec::new();
        for _ in 0..120 {
            let now = self.driver.execute(FOCUSED, vec![]).await.unwrap();
            let now: Vec<String> = serde_json::from_value(now.json().clone()).unwrap();
            if now.iter().any(|said| said == name) {
                return;
            }
            seen.push(now.first().map(|said| said.chars().take(30).collect::<String>()).unwrap_or_default());
            self.keys(std::slice::from_ref(&key)).await;
        }
        panic!("{key:?} does not lead to '{name}', but to {seen:?}");
    }

    /// Goes on with the tab key; see [`Browser::lead`].
    pub async fn tab_to(&self, name: &str) {
        self.lead(Key::Tab, name).await;
    }

    /// Looks for what a screen reader or a keyboard would stumble over in the page that is looked at; it must have
    /// looked at this many elements at least.
    pub async fn is_accessible(&self, what: &str, at_least: u64) {
        let rules = std::fs::read_to_string(AXE).unwrap_or_else(|error| panic!("{AXE}: {error}"));
        self.driver.execute(rules, vec![]).await.unwrap();
        let run = "const done = arguments[0]; axe.run(document, {resultTypes: ['violations']}).then(r => done({ \
            seen: document.querySelectorAll('body *').length, \
            found: r.violations.flatMap(v => v.nodes.map(n => `${v.id}: ${n.html} ${n.failureSummary}`))}), e => done({failed: String(e)}));";
        let result = self.driver.execute_async(run, vec![]).await.unwrap();
        let result = result.json();
        let found = result["found"].as_array().unwrap_or_else(|| panic!("{what}: {result}"));
        assert!(found.is_empty(), "{what}: {found:#?}");
        let seen = result["seen"].as_u64().unwrap_or_default();
        assert!(seen >= at_least, "{what}: only {seen} elements were looked at");
    }

    /// A picture of the window, for people: kept in the folder that `HDM_PICTURES` names, if it does.
    pub async fn picture(&self, name: &str) {
        let Some(folder) = std::env::var_os("HDM_PICTURES").map(PathBuf::from) else { return };
        std::fs::create_dir_all(&folder).unwrap();
        self.driver.screenshot(Path::new(&folder.join(format!("{name}.png")))).await.unwrap();
    }

    /// Ends the browser; its console must have no complaint, of the pages' policy or of anything else.
    pub async fn clean(self) {
        let log = self.driver.get_log("browser").await.unwrap();
        let complaints: Vec<_> = log
            .iter()
            .filter(|entry| entry.level == "SEVERE" || entry.message.contains("Content Security Policy"))
            .filter(|entry| !self.expected.iter().any(|words| entry.message.contains(words)))
            .collect();
        assert!(complaints.is_empty(), "the console has {complaints:#?}");
    }
}

impl Drop for Browser {
    /// A browser outlives its driver: it is found by its profile.
    fn drop(&mut self) {
        let profile = self.profile.path().display().to_string();
        for entry in std::fs::read_dir("/proc").into_iter().flatten().flatten() {
            let line = std::fs::read(entry.path().join("cmdline")).unwrap_or_default();
            if String::from_utf8_lossy(&line).contains(&profile) {
                let id = entry.file_name();
                let _ = std::process::Command::new("kill").arg("-9").arg(id).stderr(Stdio::null()).status();
            }
        }
    }
}

/// What has this test id.
pub fn id(name: &str) -> String {
    format!("[data-testid=\"{name}\"]")
}

/// The innermost elements that contain a text.
fn containing(text: &str) -> String {
    let text = quoted(text);
    format!(
        "//body//*[contains(normalize-space(.), {text}) and not(*[contains(normalize-space(.), {text})])]"
    )
}

/// A text as `XPath` writes it.
fn quoted(text: &str) -> String {
    if text.contains('\'') { format!("\"{text}\"") } else { format!("'{text}'") }
}

fn said(error: WebDriverError) -> String {
    error.to_string().chars().take(300).collect()
}
