//! The pages in each language of the Client: nothing was forgotten, and nothing is cut off where texts are longer.

use hdm_tests::browser::{Browser, id};
use hdm_tests::lab::vm;
use hdm_tests::wait;
use serde_json::{Value, json};
use thirtyfour::{By, Key};

use crate::{ADMINISTRATOR, Setting, node_of};

/// A text of a language's file: what is between the arguments.
#[derive(Clone, Debug, PartialEq)]
struct Template(Vec<String>);

impl Template {
    fn new(text: &str) -> Self {
        let parts = text.split('{').enumerate();
        Self(
            parts
                .map(|(n, part)| if n == 0 { part } else { part.split_once('}').unwrap().1 }.to_owned())
                .collect(),
        )
    }

    fn letters(&self) -> usize {
        self.0.iter().flat_map(|part| part.chars()).filter(|c| c.is_alphabetic()).count()
    }

    /// Whether a text is this one with some arguments.
    fn fits(&self, text: &str) -> bool {
        let Some((first, rest)) = self.0.split_first() else { return false };
        let Some((last, middle)) = rest.split_last() else { return text == first };
        let Some(mut text) = text.strip_prefix(first.as_str()).and_then(|t| t.strip_suffix(last.as_str()))
        else {
            return false;
        };
        for part in middle {
            let Some((_, after)) = text.split_once(part.as_str()) else { return false };
            text = after;
        }
        true
    }
}

/// The texts of a language's file, with their keys.
fn texts(language: &str) -> Vec<(String, String)> {
    fn walk(value: &Value, key: &str, into: &mut Vec<(String, String)>) {
        match value {
            Value::String(text) => into.push((key.to_owned(), text.clone())),
            Value::Object(all) => {
                for (name, value) in all {
                    walk(value, &format!("{key}.{name}"), into);
                }
            }
            _ => {}
        }
    }
    let file = format!("{}/../ui/locales/{language}.json", env!("CARGO_MANIFEST_DIR"));
    let mut found = Vec::new();
    walk(&serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap(), "", &mut found);
    found
}

/// What must not be read in a language, and what may be.
struct Language {
    /// English that the language has other words for.
    foreign: Vec<Template>,
    own: Vec<Template>,
}

impl Language {
    /// The pseudo-language has no file: all of its texts are changed.
    fn of(code: &str) -> Self {
        let english = texts("en");
        let own = if code == "xx" { Vec::new() } else { texts(code) };
        let same = |entry: &&(String, String)| !own.contains(entry);
        let foreign = english.iter().filter(same).map(|(_, text)| Template::new(text));
        Self {
            // Units and product names are the same everywhere.
            foreign: foreign.filter(|template| template.letters() >= 4).collect(),
            own: own.iter().map(|(_, text)| Template::new(text)).filter(|t| t.letters() >= 2).collect(),
        }
    }

    fn complaint(&self, text: &str) -> Option<String> {
        let words: Vec<&str> = text.split('.').collect();
        let is_key = words.len() > 1
            && words
                .iter()
                .all(|word| !word.is_empty() && word.chars().all(|c| c.is_ascii_lowercase() || c == '_'));
        let foreign = self.foreign.iter().find(|template| template.fits(text));
        let foreign = foreign.filter(|_| !self.own.iter().any(|template| template.fits(text)));
        (is_key || foreign.is_some()).then(|| format!("'{text}' {foreign:?}"))
    }
}

#[test]
fn what_was_forgotten_is_noticed() {
    for code in ["de", "es", "fr", "ja", "xx"] {
        let language = Language::of(code);
        for wrong in ["Select cloud", "Pause 2 of 7", "Settings of web-01", "wizard.step_cloud"] {
            assert!(language.complaint(wrong).is_some(), "{code}: {wrong}");
        }
        for (_, text) in if code == "xx" { Vec::new() } else { texts(code) } {
            assert_eq!(language.complaint(&text), None, "{code}");
        }
    }
}

/// All texts of the page: those that are read and those that are read out.
const TEXTS: &str = "const out = []; \
    const add = t => { t = (t ?? '').replace(/\\s+/g, ' ').trim(); if (t) out.push(t); }; \
    const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT); \
    while (walk.nextNode()) { \
        if (!walk.currentNode.parentElement.closest('script, style, [hidden]')) add(walk.currentNode.nodeValue); } \
    for (const name of ['aria-label', 'title', 'placeholder']) \
        for (const e of document.querySelectorAll(`[${name}]`)) add(e.getAttribute(name)); \
    return out;";

/// What holds a name and is too narrow for it. What shows its whole text by itself, in its title, may be.
const CLIPPED: &str = "const out = []; let seen = 0; \
    const names = 'button, [role=tab], label, [role=columnheader], th'; \
    for (const name of document.querySelectorAll(names)) for (const e of [name, ...name.querySelectorAll('*')]) { \
        if (e.closest('.clr-sr-only, svg, [title]') || !e.clientWidth || !e.textContent.trim()) continue; \
        seen += 1; \
        if (e.scrollWidth > e.clientWidth + 1) \
            out.push(`${e.outerHTML.slice(0, 300)}: ${e.scrollWidth} > ${e.clientWidth}`); } \
    const page = document.querySelector('main'); \
    if (page.scrollWidth > page.clientWidth + 1) out.push(`the page: ${page.scrollWidth} > ${page.clientWidth}`); \
    return {seen, out};";

/// Waits until there is none of what is named.
async fn none(browser: &Browser, css: &str) {
    let found = async || browser.driver().find_all(By::Css(css)).await.unwrap().len();
    wait::until(css, async || if found().await == 0 { Ok(()) } else { Err("it is there") }).await;
}

/// Leaves the plug-in's page, so that the next one cannot be taken for it.
async fn leave(browser: &Browser) {
    browser.go("#/home").await;
    none(browser, "main [data-testid=plugin-frame]").await;
}

/// Goes through the pages by what they are built of, whatever their language.
async fn tour(s: &Setting, browser: &Browser, draft: bool, look: &mut impl AsyncFnMut(&str)) {
    let page = "monitor/com.hdm.plugin/cluster-migration";
    browser.go(&s.place("ClusterComputeResource", "C0", page).await).await;
    browser.view().await;
    browser.click("[role=tablist] li:last-child [role=tab]").await;
    browser.see("[role=grid] [aria-rowindex='2'] .label").await;
    look("in progress").await;
    browser.click("[role=grid] [aria-rowindex='2'] .hdm-link").await;
    browser.see(".hdm-details-body").await;
    look("details").await;
    browser.keys(&[Key::Escape]).await;
    none(browser, ".hdm-details-body").await;
    browser.click("[role=tablist] li:first-child [role=tab]").await;
    browser.see("[role=grid] [aria-rowindex='2']").await;
    browser.see("#hdm-interval").await;
    look("summary").await;
    leave(browser).await;
    browser.home().await;
    browser.view().await;
    browser.see(".hdm-clusters li").await;
    look("dashboard").await;

    s.open_tree(browser, "Prod").await;
    browser.act_on(&node_of("stays"), "vm-migrate").await;
    browser.dialog().await;
    if draft {
        browser.see(".hdm-draft").await;
        look("draft").await;
        browser.click(".hdm-draft .btn-outline").await;
    }
    for step in 1..=4 {
        browser.see(&format!(".hdm-step.hdm-current:nth-child({step})")).await;
        browser.see("#hdm-step-title").await;
        look(&format!("step {step}")).await;
        if step < 4 {
            browser.click(".hdm-wizard-footer .btn-primary").await;
        }
    }
    browser.click(".hdm-toolbar .btn:nth-of-type(2)").await;
    browser.see("#hdm-list-text").await;
    look("list").await;
    browser.client().await;
    browser.click(&id("modal-close")).await;
    none(browser, &id("modal")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_language_is_whole_and_longer_texts_are_not_cut_off() {
    let mut raw = vm("raw", &[1]);
    raw["template"] = json!(true);
    let s = Setting::new(json!([vm("moved", &[1]), vm("stays", &[1]), raw])).await;
    let moved = s.appliance.migrate("moved", &[]).await;
    s.appliance.settled(&moved).await;
    let browser = s.browser(ADMINISTRATOR).await;
    let mut wrong = Vec::new();
    for (n, locale) in ["de-DE", "es-ES", "fr-FR", "ja-JP", "xx-XX"].into_iter().enumerate() {
        browser.choose("locale", locale).await;
        let code = locale.split('-').next().unwrap();
        let language = Language::of(code);
        let mut look = async |page: &str| {
            browser.picture(&format!("{page}-{code}")).await;
            let lang =
                browser.driver().execute("return document.documentElement.lang", vec![]).await.unwrap();
            assert_eq!(lang.json(), if code == "xx" { "en" } else { code }, "{page}");
            let read = browser.driver().execute(TEXTS, vec![]).await.unwrap();
            let read: Vec<String> = read.convert().unwrap();
            assert!(read.len() > 4, "{page}, {code}: {read:?}");
            let mut found: Vec<String> = read.iter().filter_map(|text| language.complaint(text)).collect();
            if code == "xx" {
                let narrow = browser.driver().execute(CLIPPED, vec![]).await.unwrap();
                let narrow = narrow.json();
                assert!(narrow["seen"].as_u64().unwrap() > 1, "{page}: {narrow}");
                found.extend(serde_json::from_value::<Vec<String>>(narrow["out"].clone()).unwrap());
            }
            wrong.extend(found.into_iter().map(|what| format!("{page}, {code}: {what}")));
        };
        tour(&s, &browser, n > 0, &mut look).await;
        leave(&browser).await;
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    browser.clean().await;
}
