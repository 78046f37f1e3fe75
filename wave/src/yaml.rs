//! A wave as YAML.
//!
//! ```yaml
//! defaults: { cloud: cloud, cluster: C0, datastore: ds0, network: { VM Network: Cloud LAN } }
//! vms:
//!   - vm: web-01
//!   - { vm: db-01, datastore: ds1, power-on: true }
//! ```

use hdm_shared::wave::{Mistake, Position, Said};
use saphyr::{MarkedYaml, Scalar, ScalarStyle, YamlData, YamlLoader};
use saphyr_parser::{Event, Marker, Parser};

use super::{Drafts, field, mistake};

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

/// Refuses references to other parts, which make a short text a long one. Depth is limited by the parser.
fn plain(text: &str) -> Result<(), Mistake> {
    // What is wrong with it is told when it is loaded.
    for (event, span) in Parser::new_from_str(text).map_while(Result::ok) {
        if matches!(event, Event::Alias(_)) {
            let what = "A reference to another part (*) is not possible here.";
            return Err(mistake(place(&span.start), what, "Write it out, or say it in `defaults`."));
        }
    }
    Ok(())
}

/// The one document of a text.
fn document(text: &str) -> Result<Option<Node<'_>>, Mistake> {
    plain(text)?;
    let mut loader = YamlLoader::<Node<'_>>::default();
    // Words stay as they are written: a virtual machine may be called 007, and `no` is one in some tables.
    loader.early_parse(false);
    let read = Parser::new_from_str(text).load(&mut loader, true);
    if let Some(error) = read.err().or_else(|| loader.error().cloned()) {
        return Err(mistake(
            place(error.marker()),
            format!("This is no YAML: {}.", error.info()),
            "Mend it here or just before.",
        ));
    }
    let mut documents = loader.into_documents();
    if documents.len() > 1 {
        let what = "The text holds several documents.";
        return Err(mistake(at(&documents[1]), what, "Keep one of them."));
    }
    Ok(documents.pop())
}

fn plan(root: &Node<'_>, drafts: &mut Drafts) {
    let shape = "Write `vms:` with a list of virtual machines, and `defaults:` before it if they have some.";
    let YamlData::Mapping(parts) = &root.data else {
        drafts.mistakes.push(mistake(at(root), "The plan is no mapping with a list `vms`.", shape));
        return;
    };
    let mut list = None;
    for (key, value) in parts {
        match scalar(key) {
            Some("defaults") => {
                let mut said = Said::default();
                fields(value, &mut said, &mut drafts.mistakes);
                for (set, name) in [(said.vm.is_some(), "vm"), (said.options.rename.is_some(), "rename")] {
                    if set {
                        let what = format!("'{name}' cannot be the same for all virtual machines.");
                        drafts.mistakes.push(mistake(at(value), what, "Give it to each of them."));
                    }
                }
                drafts.defaults = said;
            }
            Some("vms") => list = Some(value),
            name => {
                let name = name.unwrap_or("?");
                let what = format!("A plan has no part '{name}'.");
                drafts.mistakes.push(mistake(at(key), what, shape));
            }
        }
    }
    let Some(list) = list else {
        drafts.mistakes.push(mistake(at(root), "The plan has no list `vms`.", shape));
        return;
    };
    let YamlData::Sequence(rows) = &list.data else {
        drafts.mistakes.push(mistake(at(list), "`vms` is no list.", shape));
        return;
    };
    for row in rows {
        let mut said = Said::default();
        match scalar(row) {
            Some(vm) => said.vm = Some(vm.to_owned()).filter(|vm| !vm.is_empty()),
            None => fields(row, &mut said, &mut drafts.mistakes),
        }
        drafts.rows.push((at(row), said));
        if drafts.is_full() {
            break;
        }
    }
}

/// Reads the values of a row, or of the defaults.
fn fields(node: &Node<'_>, said: &mut Said, mistakes: &mut Vec<Mistake>) {
    let YamlData::Mapping(values) = &node.data else {
        mistakes.push(mistake(at(node), "This is no mapping.", "Write `column: value`."));
        return;
    };
    for (key, value) in values {
        let name = scalar(key).unwrap_or("?");
        let Some(column) = field::column(name) else {
            mistakes.push(mistake(at(key), field::unknown(name), field::known()));
            continue;
        };
        let outcome = match &value.data {
            YamlData::Mapping(pairs) if field::pairs(column) => {
                pairs.iter().try_for_each(|(from, to)| match (scalar(from), scalar(to)) {
                    (Some(from), Some(to)) => field::pair(said, column, from, to),
                    _ => Err("Both sides of a pair are names.".into()),
                })
            }
            YamlData::Sequence(list) if field::pairs(column) => list.iter().try_for_each(|one| {
                scalar(one)
                    .map_or_else(|| Err("Write SOURCE=TARGET.".into()), |text| field::set(said, column, text))
            }),
            _ => match scalar(value) {
                Some(text) => field::set(said, column, text),
                None => Err("One value is wanted here.".into()),
            },
        };
        if let Err(what) = outcome {
            let what = format!("'{column}': {what}");
            mistakes.push(mistake(at(value), what, "Mend the value, or leave it out."));
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
    place(&node.span.start)
}

fn place(marker: &Marker) -> Position {
    Position { line: marker.line() as u64, column: marker.col() as u64 + 1 }
}
