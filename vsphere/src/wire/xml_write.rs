//! Writing XML.

use std::fmt::{Display, Write};

use super::xml::Node;
use crate::MoRef;

/// Writes elements into a string. Text is escaped; names come from our own code.
#[derive(Debug, Default)]
pub(crate) struct XmlWriter {
    out: String,
}

impl XmlWriter {
    /// `<name>…</name>` around what `inner` writes.
    pub(crate) fn element(&mut self, name: &str, inner: impl FnOnce(&mut Self)) {
        self.open(name, "");
        inner(self);
        self.close(name);
    }

    /// The same with an `xsi:type`.
    pub(crate) fn typed(&mut self, name: &str, kind: &str, inner: impl FnOnce(&mut Self)) {
        self.open(name, kind);
        inner(self);
        self.close(name);
    }

    /// An element with a value.
    pub(crate) fn value(&mut self, name: &str, value: impl Display) {
        self.open(name, "");
        self.text(&value.to_string());
        self.close(name);
    }

    /// An element with a value, if there is one.
    pub(crate) fn maybe(&mut self, name: &str, value: Option<impl Display>) {
        if let Some(value) = value {
            self.value(name, value);
        }
    }

    /// An element with a value of an XML Schema type, such as `xsd:string`.
    pub(crate) fn xsd(&mut self, name: &str, kind: &str, value: impl Display) {
        self.open(name, kind);
        self.text(&value.to_string());
        self.close(name);
    }

    /// A reference.
    pub(crate) fn moref(&mut self, name: &str, object: &MoRef) {
        let _ = write!(self.out, "<{name} type=\"");
        self.text(&object.kind);
        self.out.push_str("\">");
        self.text(&object.id);
        self.close(name);
    }

    /// An element that was read, under its own name and with its types.
    pub(crate) fn node(&mut self, node: &Node) {
        self.node_as(&node.name, node);
    }

    /// The same under another name.
    pub(crate) fn node_as(&mut self, name: &str, node: &Node) {
        let _ = write!(self.out, "<{name}");
        for (key, value) in &node.attributes {
            let _ = write!(self.out, " {key}=\"");
            self.text(value);
            self.out.push('"');
        }
        if let Some(kind) = &node.xsi_type {
            let prefix = if node.xsd { "xsd:" } else { "" };
            let _ = write!(self.out, " xsi:type=\"{prefix}");
            self.text(kind);
            self.out.push('"');
        }
        self.out.push('>');
        self.text(&node.text);
        for child in &node.children {
            self.node(child);
        }
        self.close(name);
    }

    /// What was written.
    pub(crate) fn finish(self) -> String {
        self.out
    }

    fn open(&mut self, name: &str, kind: &str) {
        let _ = write!(self.out, "<{name}");
        if !kind.is_empty() {
            let _ = write!(self.out, " xsi:type=\"{kind}\"");
        }
        self.out.push('>');
    }

    fn close(&mut self, name: &str) {
        let _ = write!(self.out, "</{name}>");
    }

    /// Escaped text. Characters that XML 1.0 cannot carry are replaced.
    fn text(&mut self, text: &str) {
        for c in text.chars() {
            match c {
                '&' => self.out.push_str("&amp;"),
                '<' => self.out.push_str("&lt;"),
                '>' => self.out.push_str("&gt;"),
                '"' => self.out.push_str("&quot;"),
                '\r' => self.out.push_str("&#13;"),
                '\t' | '\n' => self.out.push(c),
                c if c < ' ' || c == '\u{FFFE}' || c == '\u{FFFF}' => self.out.push('\u{FFFD}'),
                c => self.out.push(c),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use crate::wire::{Limits, read_xml};

    #[test]
    fn what_is_written_is_read_back() {
        let odd = "quote'\"<&> größe 仮想\ttab\r\nline";
        let mut writer = XmlWriter::default();
        writer.element("a", |w| {
            w.value("b", odd);
            w.moref("c", &MoRef::new("VirtualMachine", "vm-<1>"));
        });
        let text = writer.finish();
        let node = read_xml(&text, &Limits::default()).unwrap();
        assert_eq!(node.string("b"), odd);
        assert_eq!(node.moref_at("c").unwrap().id, "vm-<1>");
        let mut again = XmlWriter::default();
        again.node(&node);
        assert_eq!(read_xml(&again.finish(), &Limits::default()).unwrap(), node);
    }

    #[test]
    fn what_xml_cannot_carry_is_replaced() {
        let mut writer = XmlWriter::default();
        writer.value("a", "x\0y");
        assert_eq!(writer.finish(), "<a>x\u{FFFD}y</a>");
    }
}
