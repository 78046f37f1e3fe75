//! A plan as YAML.
//!
//! ```yaml
//! defaults: { cloud: cloud, cluster: C0, datastore: ds0, network: { VM Network: Cloud LAN } }
//! vms:
//!   - vm: web-01
//!   - { vm: db-01, datastore: ds1, power-on: true }
//! ```

use saphyr::{MarkedYaml, Scalar, ScalarStyle, YamlData, YamlLoader};
use saphyr_parser::Parser;

use super::field::{self, Draft};
use super::{Drafts, MAX_MISTAKES, MAX_ROWS, Mistake, Position};

type Node<'a> = MarkedYaml<'a>;

/// Reads a plan.
pub fn read(text: &str) -> Drafts {
    let mut drafts = Drafts::default();
    match document(text) {
        Ok(Some(root)) => plan(&root, &mut drafts),
        Ok(None) => {}
        Err(mistake) => drafts.mistakes.push(mistake),
    }
    drafts
}

/// The one document of a file.
fn document(text: &str) -> Result<Option<Node<'_>>, Mistake> {
    let mut loader = YamlLoader::<Node<'_>>::default();
    // Words stay as they are written: a virtual machine may be called 007, and `no` is one in some tables.
    loader.early_parse(false);
    let read = Parser::new_from_str(text).load(&mut loader, true);
    if let Some(error) = read.err().or_else(|| loader.error().cloned()) {
        let at = Position { line: error.marker().line() as u64, column: error.marker().col() as u64 + 1 };
        return Err(Mistake::new(
            at,
            format!("This is no YAML: {}.", error.info()),
            "Mend it here or just before.",
        ));
    }
    let mut documents = loader.into_documents();
    if documents.len() > 1 {
        let what = "The file holds several documents.";
        return Err(Mistake::new(at(&documents[1]), what, "Keep one of them."));
    }
    Ok(documents.pop())
}

fn plan(root: &Node<'_>, drafts: &mut Drafts) {
    let shape = "Write `vms:` with a list of virtual machines, and `defaults:` before it if they have some.";
    let YamlData::Mapping(parts) = &root.data else {
        drafts.mistakes.push(Mistake::new(at(root), "The plan is no mapping with a list `vms`.", shape));
        return;
    };
    let mut list = None;
    for (key, value) in parts {
        match scalar(key) {
            Some("defaults") => {
                let mut draft = Draft::default();
                fields(value, &mut draft, &mut drafts.mistakes);
                for (set, name) in [(draft.vm.is_some(), "vm"), (draft.options.rename.is_some(), "rename")] {
                    if set {
                        let what = format!("'{name}' cannot be the same for all virtual machines.");
                        drafts.mistakes.push(Mistake::new(at(value), what, "Give it to each of them."));
                    }
                }
                drafts.defaults = draft;
            }
            Some("vms") => list = Some(value),
            name => {
                let name = name.unwrap_or("?");
                let what = format!("A plan has no part '{name}'.");
                drafts.mistakes.push(Mistake::new(at(key), what, shape));
            }
        }
    }
    let Some(list) = list else {
        drafts.mistakes.push(Mistake::new(at(root), "The plan has no list `vms`.", shape));
        return;
    };
    let YamlData::Sequence(rows) = &list.data else {
        drafts.mistakes.push(Mistake::new(at(list), "`vms` is no list.", shape));
        return;
    };
    for row in rows {
        let mut draft = Draft::default();
        match scalar(row) {
            Some(vm) => draft.vm = Some(vm.to_owned()),
            None => fields(row, &mut draft, &mut drafts.mistakes),
        }
        drafts.rows.push((at(row), draft));
        if drafts.rows.len() > MAX_ROWS || drafts.mistakes.len() > MAX_MISTAKES {
            break;
        }
    }
}

/// Reads the values of a row, or of the defaults.
fn fields(node: &Node<'_>, draft: &mut Draft, mistakes: &mut Vec<Mistake>) {
    let YamlData::Mapping(values) = &node.data else {
        mistakes.push(Mistake::new(at(node), "This is no mapping.", "Write `column: value`."));
        return;
    };
    for (key, value) in values {
        let name = scalar(key).unwrap_or("?");
        let Some(column) = field::column(name) else {
            mistakes.push(Mistake::new(at(key), field::unknown(name), field::known()));
            continue;
        };
        let outcome = match &value.data {
            YamlData::Mapping(pairs) if field::pairs(column) => {
                pairs.iter().try_for_each(|(from, to)| match (scalar(from), scalar(to)) {
                    (Some(from), Some(to)) => draft.pair(column, from, to),
                    _ => Err("Both sides of a pair are names.".into()),
                })
            }
            YamlData::Sequence(list) if field::pairs(column) => list.iter().try_for_each(|one| {
                scalar(one).map_or_else(|| Err("Write SOURCE=TARGET.".into()), |text| draft.set(column, text))
            }),
            _ => match scalar(value) {
                Some(text) => draft.set(column, text),
                None => Err("One value is wanted here.".into()),
            },
        };
        if let Err(what) = outcome {
            let what = format!("'{column}': {what}");
            mistakes.push(Mistake::new(at(value), what, "Mend the value, or leave it out."));
        }
    }
}

/// A scalar as it is written; one that says nothing is empty.
fn scalar<'a>(node: &'a Node<'_>) -> Option<&'a str> {
    match &node.data {
        YamlData::Representation(text, ScalarStyle::Plain, _) if matches!(&**text, "~" | "null") => Some(""),
        YamlData::Representation(text, ..) | YamlData::Value(Scalar::String(text)) => Some(text),
        YamlData::Value(Scalar::Null) => Some(""),
        _ => None,
    }
}

fn at(node: &Node<'_>) -> Position {
    Position { line: node.span.start.line() as u64, column: node.span.start.col() as u64 + 1 }
}
