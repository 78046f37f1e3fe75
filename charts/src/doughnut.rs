//! A ring whose parts show shares of a whole.

use std::f64::consts::{FRAC_PI_2, TAU};

use plotters::prelude::{DrawingBackend, SVGBackend};

use crate::palette::{Colour, Palette};
use crate::svg::Drawing;

/// Width and height of the view box.
const SIZE: u32 = 200;
const OUTER: f64 = 96.0;
const INNER: f64 = 52.0;
/// plotters' SVG backend knows whole pixels only: shapes are computed this much larger, and scaled down.
const SCALE: u32 = 10;
/// An arc is drawn as straight pieces of at most this angle: too short to be seen at any size it is shown.
const PIECE: f64 = TAU / 180.0;
/// The gap between two parts, in the same measure as the radii.
const GAP: f64 = 1.5;

/// One part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slice {
    /// Its size.
    pub value: u64,
    /// Its colour.
    pub colour: Colour,
}

/// A ring of slices, beginning at the top, clockwise; a grey one if there is nothing.
pub fn doughnut(slices: &[Slice], palette: Palette) -> Drawing {
    let drawn = |slice: &&Slice| slice.value > 0;
    let total: u64 = slices.iter().map(|slice| slice.value).sum();
    let nothing = [Slice { value: 1, colour: palette.nothing() }];
    let (slices, total) = if total == 0 { (&nothing[..], 1) } else { (slices, total) };
    let only = slices.iter().filter(drawn).count() == 1;
    let mut document = String::new();
    let size = SIZE * SCALE;
    {
        let mut backend = SVGBackend::with_string(&mut document, (size, size));
        let mut from = 0.0;
        for slice in slices.iter().filter(drawn) {
            #[allow(clippy::cast_precision_loss, reason = "an angle needs no more")]
            let angle = slice.value as f64 / total as f64 * TAU;
            let outline = outline(from, from + angle, if only { 0.0 } else { GAP });
            // The SVG backend writes into a string, which cannot fail.
            let _ = backend.fill_polygon(outline, &slice.colour.plotters());
            from += angle;
        }
        let _ = backend.present();
    }
    Drawing::of(size, size, &document)
}

/// The outline of one part, from one angle to another.
fn outline(from: f64, to: f64, gap: f64) -> Vec<(i32, i32)> {
    let arc = |radius: f64, backwards: bool| {
        // Half the gap on each side, as an angle at this radius; a part is never thinner than a hair.
        let half = (gap / 2.0 / radius).min((to - from) / 4.0);
        let (begin, end) = (from + half, to - half);
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "at most 180")]
        let pieces = ((end - begin) / PIECE).ceil().max(1.0) as u32;
        (0..=pieces).map(move |at| {
            let share = f64::from(at) / f64::from(pieces);
            let angle = begin + (end - begin) * if backwards { 1.0 - share } else { share };
            point(radius, angle)
        })
    };
    arc(OUTER, false).chain(arc(INNER, true)).collect()
}

#[allow(clippy::cast_possible_truncation, reason = "within the view box")]
fn point(radius: f64, angle: f64) -> (i32, i32) {
    let middle = f64::from(SIZE) / 2.0;
    let at = |offset: f64| ((middle + offset) * f64::from(SCALE)).round() as i32;
    let angle = angle - FRAC_PI_2;
    let (cos, sin) = cos_sin(angle);
    (at(radius * cos), at(radius * sin))
}

/// In a browser its own: the language's would be five kilobytes of the program.
fn cos_sin(angle: f64) -> (f64, f64) {
    #[cfg(target_arch = "wasm32")]
    return (js_sys::Math::cos(angle), js_sys::Math::sin(angle));
    #[cfg(not(target_arch = "wasm32"))]
    (angle.cos(), angle.sin())
}
