//! Charts as SVG shapes.
//!
//! Data and a palette go in, shapes come out: no text, no style attribute, no size but a view box. Titles,
//! labels, legends and tooltips are set by the page from the same data, in its own font and language. That
//! plotters measures text on the web by an element with a style attribute, which a strict content security
//! policy refuses, is why it draws shapes only.

mod doughnut;
mod palette;
mod svg;
mod timeline;

pub use doughnut::{Slice, doughnut};
pub use palette::{Colour, Palette, Theme};
pub use svg::Drawing;
pub use timeline::{Lines, Tick, Timeline, timeline};
