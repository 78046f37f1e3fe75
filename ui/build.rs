//! Makes a function of each text in `locales/en.json`, so that a key that does not exist, or an argument that
//! is missing, is an error of the compiler; and compares the other languages with it.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::Path;
use std::{env, fs};

use serde_json::Value;

/// The plural categories of CLDR.
const CATEGORIES: [&str; 6] = ["zero", "one", "two", "few", "many", "other"];

type Done<T = ()> = Result<T, Box<dyn std::error::Error>>;

fn main() -> Done {
    println!("cargo::rerun-if-changed=locales");
    let english = read("locales/en.json")?;
    let mut keys = Vec::new();
    leaves(&english, &mut Vec::new(), &mut keys);
    for entry in fs::read_dir("locales")? {
        let path = entry?.path();
        compare(&keys, &read(&path)?, &path.to_string_lossy())?;
    }
    let out = env::var("OUT_DIR")?;
    fs::write(Path::new(&out).join("texts.rs"), write(&keys)?)?;
    // The program has English in it: without the keys, whose order is known.
    let texts: Vec<&Value> = keys.iter().map(|text| &text.value).collect();
    fs::write(Path::new(&out).join("english.json"), serde_json::to_string(&texts)?)?;
    Ok(())
}

/// One text of a language.
struct Text {
    path: Vec<String>,
    value: Value,
}

impl Text {
    /// The arguments, in the order in which the text (of several forms, `other`) has them.
    fn arguments(&self) -> Vec<String> {
        let forms: Vec<&str> = match &self.value {
            Value::String(text) => vec![text],
            plural => {
                let others = plural.as_object().into_iter().flat_map(|forms| forms.values());
                plural.get("other").into_iter().chain(others).filter_map(Value::as_str).collect()
            }
        };
        let mut arguments = Vec::new();
        for name in forms.into_iter().flat_map(placeholders) {
            if !arguments.contains(&name) {
                arguments.push(name);
            }
        }
        arguments
    }
}

fn read(path: impl AsRef<Path>) -> Done<Value> {
    let path = path.as_ref();
    let text = fs::read_to_string(path).map_err(|e| format!("{}: {e}", path.display()))?;
    Ok(serde_json::from_str(&text).map_err(|e| format!("{}: {e}", path.display()))?)
}

fn is_plural(value: &Value) -> bool {
    value.as_object().is_some_and(|forms| {
        forms.contains_key("other") && forms.keys().all(|key| CATEGORIES.contains(&key.as_str()))
    })
}

/// All texts in the order of their keys: the page reads a language in the same order.
fn leaves(value: &Value, path: &mut Vec<String>, into: &mut Vec<Text>) {
    match value {
        Value::Object(map) if !is_plural(value) => {
            let mut names: Vec<&String> = map.keys().collect();
            names.sort();
            for name in names {
                path.push(name.clone());
                leaves(&map[name], path, into);
                path.pop();
            }
        }
        leaf => into.push(Text { path: path.clone(), value: leaf.clone() }),
    }
}

fn placeholders(text: &str) -> Vec<String> {
    text.split('{').skip(1).filter_map(|rest| rest.split_once('}')).map(|(name, _)| name.to_owned()).collect()
}

fn compare(keys: &[Text], language: &Value, file: &str) -> Done {
    let mut found = Vec::new();
    leaves(language, &mut Vec::new(), &mut found);
    let names = |texts: &[Text]| texts.iter().map(|text| text.path.join(".")).collect::<BTreeSet<_>>();
    let (wanted, have) = (names(keys), names(&found));
    if let Some(missing) = wanted.difference(&have).next() {
        return Err(format!("{file} lacks the text '{missing}'").into());
    }
    if let Some(extra) = have.difference(&wanted).next() {
        return Err(format!("{file} has the text '{extra}', which English has not").into());
    }
    for (english, other) in keys.iter().zip(&found) {
        let name = english.path.join(".");
        if english.value.is_string() != other.value.is_string() {
            return Err(format!("{file}: '{name}' must have plural forms exactly if English has them").into());
        }
        let set = |text: &Text| text.arguments().into_iter().collect::<BTreeSet<_>>();
        if !set(other).is_subset(&set(english)) {
            return Err(format!("{file}: '{name}' has a placeholder that English has not").into());
        }
        if english.value.is_string() && set(english) != set(other) {
            return Err(format!("{file}: '{name}' lacks a placeholder that English has").into());
        }
    }
    Ok(())
}

fn write(keys: &[Text]) -> Done<String> {
    let mut out = String::new();
    let mut module = None;
    for (index, text) in keys.iter().enumerate() {
        let [area, name] = text.path.as_slice() else {
            return Err(format!("'{}' must be area.name", text.path.join(".")).into());
        };
        if module != Some(area) {
            if module.is_some() {
                out.push_str("}\n");
            }
            writeln!(out, "/// Texts of the area `{area}`.\npub mod {area} {{")?;
            module = Some(area);
        }
        let shown = match &text.value {
            Value::String(text) => text.clone(),
            plural => plural["other"].as_str().unwrap_or_default().to_owned(),
        };
        writeln!(out, "    #[doc = {shown:?}]")?;
        let arguments = text.arguments();
        if text.value.is_string() && arguments.is_empty() {
            writeln!(out, "    pub fn {name}() -> &'static str {{ crate::i18n::plain({index}) }}")?;
            continue;
        }
        let mut parameters = Vec::new();
        let mut values = Vec::new();
        if !text.value.is_string() {
            parameters.push("n: u64".to_owned());
        }
        for argument in &arguments {
            if argument == "n" && !text.value.is_string() {
                continue;
            }
            parameters.push(format!("{argument}: impl std::fmt::Display"));
            values.push(format!("({argument:?}, &{argument} as &dyn std::fmt::Display)"));
        }
        let call = if text.value.is_string() {
            format!("crate::i18n::filled({index}, &[{}])", values.join(", "))
        } else {
            format!("crate::i18n::counted({index}, n, &[{}])", values.join(", "))
        };
        writeln!(out, "    pub fn {name}({}) -> String {{ {call} }}", parameters.join(", "))?;
    }
    if module.is_some() {
        out.push_str("}\n");
    }
    Ok(out)
}
