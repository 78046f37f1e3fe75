//! Texts in the Client's language.
//!
//! A text is asked for by a function made from `locales/en.json` (see `build.rs`), such as
//! `t::progress::title()`: what does not exist does not compile. English is part of the program and is what
//! the tests see; any other language is one small file that is read before the first page is drawn. The
//! Client sets a language at login, so it never changes while a page is open.

mod language;
mod pseudo;

use std::collections::BTreeMap;
use std::fmt::{self, Display};
use std::sync::OnceLock;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};

use crate::json;
pub use language::Language;

/// The texts.
#[allow(clippy::doc_markdown, reason = "the text is the documentation")]
pub mod t {
    include!(concat!(env!("OUT_DIR"), "/texts.rs"));
}

const ENGLISH: &str = include_str!(concat!(env!("OUT_DIR"), "/english.json"));

static TEXTS: OnceLock<Vec<Entry>> = OnceLock::new();
static LANGUAGE: OnceLock<Language> = OnceLock::new();

/// One text of the language in use.
enum Entry {
    Plain(String),
    Plural(Vec<(String, String)>),
}

/// The language in use.
pub fn language() -> Language {
    LANGUAGE.get().copied().unwrap_or_default()
}

/// Uses a language from now on. `file` is its texts as JSON; English and the pseudo-language need none.
///
/// Only the first call has an effect. Texts that cannot be read leave English in use.
pub fn use_language(language: Language, file: Option<&str>) {
    // English in another language's clothes would be read out, and counted, by that language's rules.
    let language = if file.is_none() && language.file().is_some() { Language::English } else { language };
    let texts = match language {
        Language::Pseudo => read(ENGLISH).map(|texts| texts.into_iter().map(pseudo::entry).collect()),
        _ => read(file.unwrap_or(ENGLISH)),
    };
    let same_shape = |texts: &Vec<Entry>| read(ENGLISH).is_some_and(|english| english.len() == texts.len());
    if let Some(texts) = texts.filter(same_shape) {
        let _ = TEXTS.set(texts);
        let _ = LANGUAGE.set(language);
    }
}

fn texts() -> &'static [Entry] {
    TEXTS.get_or_init(|| read(ENGLISH).unwrap_or_default())
}

/// What a language's file has: texts, in areas, some of them in several forms. English is a list, already in order.
enum Node {
    Text(String),
    List(Vec<Node>),
    Branch(BTreeMap<String, Node>),
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Reader;
        impl<'de> Visitor<'de> for Reader {
            type Value = Node;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a text, or a list or an object of them")
            }

            fn visit_str<E>(self, text: &str) -> Result<Node, E> {
                Ok(Node::Text(text.to_owned()))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Node, A::Error> {
                let mut list = Vec::new();
                while let Some(item) = items.next_element()? {
                    list.push(item);
                }
                Ok(Node::List(list))
            }

            fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Node, A::Error> {
                let mut branch = BTreeMap::new();
                while let Some((key, value)) = entries.next_entry()? {
                    branch.insert(key, value);
                }
                Ok(Node::Branch(branch))
            }
        }
        from.deserialize_any(Reader)
    }
}

fn read(json: &str) -> Option<Vec<Entry>> {
    let mut entries = Vec::new();
    walk(json::read(json).ok()?, &mut entries);
    Some(entries)
}

/// All texts in the order of their keys, in which the functions were numbered.
fn walk(node: Node, into: &mut Vec<Entry>) {
    match node {
        Node::Text(text) => into.push(Entry::Plain(text)),
        Node::Branch(forms) if matches!(forms.get("other"), Some(Node::Text(_))) => {
            let form = |(category, text)| match text {
                Node::Text(text) => Some((category, text)),
                Node::List(_) | Node::Branch(_) => None,
            };
            into.push(Entry::Plural(forms.into_iter().filter_map(form).collect()));
        }
        Node::List(texts) => texts.into_iter().for_each(|node| walk(node, into)),
        Node::Branch(areas) => areas.into_values().for_each(|node| walk(node, into)),
    }
}

/// A text without arguments.
fn plain(index: usize) -> &'static str {
    match texts().get(index) {
        Some(Entry::Plain(text)) => text,
        _ => "",
    }
}

/// A text with arguments.
fn filled(index: usize, arguments: &[(&str, &dyn Display)]) -> String {
    fill(plain(index), arguments)
}

/// A text that depends on a number, which it may show as `{n}`.
fn counted(index: usize, n: u64, arguments: &[(&str, &dyn Display)]) -> String {
    let Some(Entry::Plural(forms)) = texts().get(index) else { return String::new() };
    let category = crate::format::plural_category(n);
    let form = |wanted: &str| forms.iter().find(|(name, _)| name == wanted).map(|(_, text)| text.as_str());
    let text = form(category).or_else(|| form("other")).unwrap_or_default();
    let shown = crate::format::integer(n);
    let mut all: Vec<(&str, &dyn Display)> = vec![("n", &shown)];
    all.extend_from_slice(arguments);
    fill(text, &all)
}

fn fill(text: &str, arguments: &[(&str, &dyn Display)]) -> String {
    let mut out = String::with_capacity(text.len() + 16);
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('{') {
        out.push_str(before);
        let Some((name, behind)) = after.split_once('}') else { break };
        if let Some((_, value)) = arguments.iter().find(|(argument, _)| *argument == name) {
            out.push_str(&value.to_string());
        }
        rest = behind;
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_are_filled_in_wherever_they_stand() {
        assert_eq!(fill("{b} of {a}, {b}", &[("a", &"10"), ("b", &"4")]), "4 of 10, 4");
        assert_eq!(fill("no arguments", &[]), "no arguments");
    }

    #[test]
    fn what_looks_like_an_argument_in_an_argument_is_left_alone() {
        assert_eq!(fill("{a}", &[("a", &"{b}"), ("b", &"x")]), "{b}");
    }

    #[test]
    fn a_number_chooses_its_form() {
        assert_eq!(t::units::virtual_machines(1), "1 VM");
        assert_eq!(t::units::virtual_machines(40), "40 VMs");
    }
}
