//! Reading XML within limits.
//!
//! An answer is parsed once into a small tree of our own. Names lose their namespace prefix: within vim25 a
//! local name is unique where it stands. No DTD, no entity but the five of XML itself.

use super::limits::Limits;

const XSI: &str = "http://www.w3.org/2001/XMLSchema-instance";

/// An element.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Node {
    /// Local name.
    pub(crate) name: String,
    /// Local name of `xsi:type`.
    pub(crate) xsi_type: Option<String>,
    /// Whether that type is of XML Schema itself, such as `xsd:string`.
    pub(crate) xsd: bool,
    /// Other attributes by local name, such as `type` of a reference.
    pub(crate) attributes: Vec<(String, String)>,
    /// Text directly in the element.
    pub(crate) text: String,
    /// Elements directly in the element.
    pub(crate) children: Vec<Node>,
}

impl Node {
    /// An element with text.
    pub(crate) fn leaf(name: &str, text: impl Into<String>) -> Self {
        Self { name: name.into(), text: text.into(), ..Self::default() }
    }

    /// The first child of that name.
    pub(crate) fn child(&self, name: &str) -> Option<&Self> {
        self.children.iter().find(|child| child.name == name)
    }

    /// The same, to change.
    pub(crate) fn child_mut(&mut self, name: &str) -> Option<&mut Self> {
        self.children.iter_mut().find(|child| child.name == name)
    }

    /// All children of that name.
    pub(crate) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Self> {
        self.children.iter().filter(move |child| child.name == name)
    }

    /// What lies at a path such as `config.hardware.memoryMB`.
    pub(crate) fn at(&self, path: &str) -> Option<&Self> {
        path.split('.').try_fold(self, |node, name| node.child(name))
    }

    /// The text at a path; `None` if nothing is there.
    pub(crate) fn text_at(&self, path: &str) -> Option<&str> {
        self.at(path).map(|node| node.text.as_str())
    }

    /// The text at a path as an owned string; empty if nothing is there.
    pub(crate) fn string(&self, path: &str) -> String {
        self.text_at(path).unwrap_or_default().to_owned()
    }

    /// The number, or whatever can be read from text, at a path.
    pub(crate) fn parsed<T: std::str::FromStr>(&self, path: &str) -> Option<T> {
        self.text_at(path)?.trim().parse().ok()
    }

    /// Whether `true` (or `1`) stands at a path.
    pub(crate) fn flag(&self, path: &str) -> bool {
        matches!(self.text_at(path), Some("true" | "1"))
    }

    /// Whether there is such a flag, and what it says.
    pub(crate) fn maybe_flag(&self, path: &str) -> Option<bool> {
        self.text_at(path).map(|text| text == "true" || text == "1")
    }

    /// An attribute.
    pub(crate) fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// The declared type, or nothing.
    pub(crate) fn kind(&self) -> &str {
        self.xsi_type.as_deref().unwrap_or_default()
    }

    /// The reference that this element is.
    pub(crate) fn moref(&self) -> Option<crate::MoRef> {
        let kind = self.attribute("type")?;
        (!self.text.is_empty()).then(|| crate::MoRef::new(kind, self.text.clone()))
    }

    /// The reference at a path.
    pub(crate) fn moref_at(&self, path: &str) -> Option<crate::MoRef> {
        self.at(path)?.moref()
    }

    /// Puts a child in place of the one of that name, or where the schema's `order` wants it.
    pub(crate) fn set_in_order(&mut self, name: &str, child: Self, order: &[&str]) {
        if let Some(old) = self.child_mut(name) {
            *old = child;
            return;
        }
        let rank = |name: &str| order.iter().position(|known| *known == name).unwrap_or(order.len());
        let own = rank(name);
        let at =
            self.children.iter().position(|other| rank(&other.name) > own).unwrap_or(self.children.len());
        self.children.insert(at, child);
    }

    /// Sets the text of a child, made at the end if it is not there. Only for names whose place in the
    /// sequence does not matter to the reader, or that are known to be there.
    pub(crate) fn set(&mut self, name: &str, text: impl Into<String>) {
        let text = text.into();
        match self.child_mut(name) {
            Some(child) => child.text = text,
            None => self.children.push(Self::leaf(name, text)),
        }
    }
}

/// Parses a document. The error is a sentence.
pub(crate) fn read(text: &str, limits: &Limits) -> Result<Node, String> {
    check_depth(text, limits.xml_depth)?;
    let options =
        roxmltree::ParsingOptions { allow_dtd: false, nodes_limit: limits.xml_nodes, ..Default::default() };
    let document = roxmltree::Document::parse_with_options(text, options).map_err(|e| e.to_string())?;
    Ok(convert(document.root_element()))
}

/// Recursion is as deep as the document, which [`check_depth`] has limited.
fn convert(element: roxmltree::Node<'_, '_>) -> Node {
    let mut node = Node { name: element.tag_name().name().to_owned(), ..Node::default() };
    for attribute in element.attributes() {
        if attribute.namespace() == Some(XSI) {
            if attribute.name() == "type" {
                let (prefix, local) = attribute.value().split_once(':').unwrap_or(("", attribute.value()));
                let space = element.lookup_namespace_uri((!prefix.is_empty()).then_some(prefix));
                node.xsd = space.is_some_and(|uri| uri.ends_with("/XMLSchema"));
                node.xsi_type = Some(local.to_owned());
            }
        } else {
            node.attributes.push((attribute.name().to_owned(), attribute.value().to_owned()));
        }
    }
    for child in element.children() {
        if child.is_element() {
            node.children.push(convert(child));
        } else if let Some(text) = child.text().filter(|_| child.is_text()) {
            node.text.push_str(text);
        }
    }
    if !node.children.is_empty() {
        // What stands between elements is layout.
        node.text.clear();
    }
    node
}

/// Refuses what nests deeper than `limit`, before anything recursive sees it.
fn check_depth(text: &str, limit: usize) -> Result<(), String> {
    let mut rest = text;
    let mut depth = 0_usize;
    while let Some(start) = rest.find('<') {
        rest = &rest[start..];
        let skip =
            |end: &str| rest.find(end).map(|at| at + end.len()).ok_or("it ends within markup".to_owned());
        let length = if rest.starts_with("<!--") {
            skip("-->")?
        } else if rest.starts_with("<![CDATA[") {
            skip("]]>")?
        } else if rest.starts_with("<?") {
            skip("?>")?
        } else if rest.starts_with("<!") {
            return Err("it has a document type".into());
        } else {
            let length = tag_length(rest)?;
            if rest.starts_with("</") {
                depth = depth.saturating_sub(1);
            } else if !rest[..length].ends_with("/>") {
                depth += 1;
                if depth > limit {
                    return Err(format!("it nests deeper than {limit} elements"));
                }
            }
            length
        };
        rest = &rest[length..];
    }
    Ok(())
}

/// The length of the tag that `text` begins with; a `>` within quotes does not end it.
fn tag_length(text: &str) -> Result<usize, String> {
    let mut quote = None;
    for (at, byte) in text.bytes().enumerate() {
        match (quote, byte) {
            (None, b'"' | b'\'') => quote = Some(byte),
            (Some(open), _) if open == byte => quote = None,
            (None, b'>') => return Ok(at + 1),
            _ => {}
        }
    }
    Err("it ends within a tag".into())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    fn parse(text: &str) -> Result<Node, String> {
        read(text, &Limits::default())
    }

    #[test]
    fn prefixes_types_and_references_are_understood() {
        let node = parse(
            r#"<a:r xmlns:a="urn:vim25" xmlns:i="http://www.w3.org/2001/XMLSchema-instance"
                 xmlns:x="http://www.w3.org/2001/XMLSchema">
                 <a:obj type="VirtualMachine">vm-1</a:obj>
                 <val i:type="x:string">a &amp; b</val><val i:type="a:ArrayOfInt"><int>7</int></val></a:r>"#,
        )
        .unwrap();
        assert_eq!(node.moref_at("obj").unwrap().to_string(), "VirtualMachine:vm-1");
        let val = node.child("val").unwrap();
        assert_eq!((val.kind(), val.xsd, val.text.as_str()), ("string", true, "a & b"));
        let array = node.all("val").nth(1).unwrap();
        assert_eq!((array.kind(), array.xsd, array.parsed::<i32>("int")), ("ArrayOfInt", false, Some(7)));
    }

    #[test]
    fn depth_is_limited_before_anything_recursive() {
        let deep = |n: usize| format!("{}{}", "<a>".repeat(n), "</a>".repeat(n));
        assert!(parse(&deep(64)).is_ok());
        assert!(parse(&deep(65)).unwrap_err().contains("deeper"));
        assert!(parse(&deep(1_000_000)).is_err());
        // A comment, a quoted '>' and an empty element do not count.
        assert!(parse(&format!("<a>{}</a>", "<b x='>'/><!-- <c> -->".repeat(100))).is_ok());
    }

    #[test]
    fn entities_and_document_types_are_refused() {
        assert!(parse("<!DOCTYPE a [<!ENTITY x 'y'>]><a>&x;</a>").is_err());
        assert!(parse("<a>&unknown;</a>").is_err());
    }

    #[test]
    fn damaged_xml_is_an_error_and_never_a_panic() {
        let good = r#"<?xml version="1.0"?><a b='c>d'><![CDATA[ <x> ]]><c>größe</c><!-- y --><d/></a>"#;
        let mut random = 0x9E37_79B9_u64;
        for _ in 0..20_000 {
            let mut bytes = good.as_bytes().to_vec();
            for _ in 0..3 {
                random =
                    random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                let at = usize::try_from(random >> 33).unwrap() % bytes.len();
                bytes[at] = b"<>&\"'/!?-[]a \0\xff"[usize::try_from(random >> 20).unwrap() % 15];
            }
            if let Ok(text) = String::from_utf8(bytes) {
                let _ = parse(&text);
            }
        }
    }
}
