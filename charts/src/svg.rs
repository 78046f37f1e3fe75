//! What a chart is made of.

/// Shapes in a view box that begins at 0, 0.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Drawing {
    /// Width of the view box.
    pub width: u32,
    /// Height of the view box.
    pub height: u32,
    /// SVG elements: what stands between `<svg …>` and `</svg>`.
    pub shapes: String,
}

impl Drawing {
    /// Takes what plotters wrote apart: the page writes the outer element itself.
    pub(crate) fn of(width: u32, height: u32, document: &str) -> Self {
        let inner = document.find("<svg").and_then(|at| document[at..].find('>').map(|end| at + end + 1));
        let end = document.rfind("</svg>").unwrap_or(document.len());
        let shapes = inner.map_or("", |start| document.get(start..end).unwrap_or_default());
        Self { width, height, shapes: shapes.trim().to_owned() }
    }
}
