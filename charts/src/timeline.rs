//! Use of a cloud over time, on two axes: percent on the left, a number of VMs on the right.
//!
//! Lines are drawn in a view box that the page stretches to whatever size it has, with strokes that are not
//! stretched. Where the distance of two samples is more than the step nothing was sampled, and there is a gap.

use hdm_shared::sample::{Sample, SampleSeries};
use plotters::prelude::{DrawingBackend, SVGBackend};
use plotters::style::ShapeStyle;

use crate::palette::{Colour, Palette};
use crate::svg::Drawing;

/// Width of the view box.
const WIDTH: u32 = 10_000;
/// Height of the view box.
const HEIGHT: u32 = 2_000;
/// The highest percentage shown.
const PERCENT_MAX: f64 = 100.0;
/// More points than this are drawn as the lowest and the highest of each column: more cannot be seen.
const COLUMNS: usize = 1_000;
/// A line in the background.
const GRID_PX: u32 = 1;
/// A line of data.
const LINE_PX: u32 = 2;

/// Which lines are drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lines {
    /// CPU, memory and threshold, on the left axis.
    pub usage: bool,
    /// VMs moved, on the right axis.
    pub moved: bool,
}

/// Where a label belongs.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Tick {
    /// Its place, from 0 (left or bottom) to 1 (right or top).
    pub at: f64,
    /// What it stands for: milliseconds since 1970, percent, or a number of VMs.
    pub value: f64,
}

/// The chart: shapes, and where the page sets its labels.
#[derive(Clone, Debug, PartialEq)]
pub struct Timeline {
    /// The shapes.
    pub drawing: Drawing,
    /// Times.
    pub times: Vec<Tick>,
    /// Percentages.
    pub percents: Vec<Tick>,
    /// Numbers of VMs.
    pub counts: Vec<Tick>,
}

/// Draws samples from one time to another, in milliseconds since 1970. `zone_ms` is what local time is ahead of
/// UTC, so that days begin at midnight.
pub fn timeline(
    series: &SampleSeries,
    from_ms: i64,
    to_ms: i64,
    zone_ms: i64,
    lines: Lines,
    palette: Palette,
) -> Timeline {
    let frame = Frame { from_ms, to_ms: to_ms.max(from_ms + 1), count_max: count_max(&series.samples) };
    let times = frame.times(zone_ms);
    let percents: Vec<Tick> =
        [0.0, 25.0, 50.0, 75.0, 100.0].map(|value| Tick { at: value / PERCENT_MAX, value }).to_vec();
    let counts = frame.counts();
    let mut document = String::new();
    {
        let mut backend = SVGBackend::with_string(&mut document, (WIDTH, HEIGHT));
        let mut pen = Pen { backend: &mut backend };
        for tick in &percents {
            let y = y_of(tick.at);
            pen.line(&[(0, y), (edge(WIDTH), y)], palette.grid(), GRID_PX);
        }
        for tick in &times {
            let x = x_of(tick.at);
            pen.line(&[(x, 0), (x, edge(HEIGHT))], palette.grid(), GRID_PX);
        }
        let parts = parts(series);
        if lines.usage {
            pen.dashes(y_of(series.threshold_percent / PERCENT_MAX), palette.threshold());
            for part in &parts {
                pen.path(&frame.points(part, &|s| s.memory_percent / PERCENT_MAX), palette.memory());
                pen.path(&frame.points(part, &|s| s.cpu_percent / PERCENT_MAX), palette.cpu());
            }
        }
        if lines.moved {
            for part in &parts {
                let count = |s: &Sample| f64::from(s.cold_vms) / f64::from(frame.count_max);
                pen.path(&steps(&frame.points(part, &count)), palette.moved());
            }
        }
        // The SVG backend writes into a string, which cannot fail.
        let _ = pen.backend.present();
    }
    let mut drawing = Drawing::of(WIDTH, HEIGHT, &document);
    drawing.shapes =
        drawing.shapes.replace(" stroke-width=", " vector-effect=\"non-scaling-stroke\" stroke-width=");
    Timeline { drawing, times, percents, counts }
}

/// The highest number on the right axis: at least 3, and divisible by 3, so that its labels are whole numbers.
fn count_max(samples: &[Sample]) -> u32 {
    samples.iter().map(|sample| sample.cold_vms).max().unwrap_or(0).max(1).div_ceil(3) * 3
}

/// Samples without a gap between them.
fn parts(series: &SampleSeries) -> Vec<&[Sample]> {
    let step_ms = series.step_seconds.max(1) * 1_000;
    series.samples.chunk_by(|a, b| b.at_ms - a.at_ms <= step_ms).collect()
}

struct Frame {
    from_ms: i64,
    to_ms: i64,
    count_max: u32,
}

impl Frame {
    #[allow(clippy::cast_precision_loss, reason = "a place needs no more")]
    fn share(&self, at_ms: i64) -> f64 {
        (at_ms - self.from_ms) as f64 / (self.to_ms - self.from_ms) as f64
    }

    /// The points of one line, few enough to be drawn.
    fn points(&self, part: &[Sample], value: &dyn Fn(&Sample) -> f64) -> Vec<(i32, i32)> {
        let point = |sample: &Sample| (x_of(self.share(sample.at_ms)), y_of(value(sample)));
        if part.len() <= COLUMNS * 2 {
            return part.iter().map(point).collect();
        }
        let mut points = Vec::with_capacity(COLUMNS * 2 + 1);
        for column in part.chunks(part.len().div_ceil(COLUMNS)) {
            let low = column.iter().min_by(|a, b| value(a).total_cmp(&value(b)));
            let high = column.iter().max_by(|a, b| value(a).total_cmp(&value(b)));
            let (Some(low), Some(high)) = (low, high) else { continue };
            let both = if low.at_ms <= high.at_ms { [low, high] } else { [high, low] };
            points.extend(both.map(point));
        }
        points
    }

    /// At most eight times, at round ones.
    #[allow(clippy::cast_precision_loss, reason = "a label needs no more")]
    fn times(&self, zone_ms: i64) -> Vec<Tick> {
        const MINUTE: i64 = 60_000;
        const HOUR: i64 = 60 * MINUTE;
        const DAY: i64 = 24 * HOUR;
        const STEPS: [i64; 16] = [
            MINUTE,
            5 * MINUTE,
            10 * MINUTE,
            15 * MINUTE,
            30 * MINUTE,
            HOUR,
            2 * HOUR,
            3 * HOUR,
            6 * HOUR,
            12 * HOUR,
            DAY,
            2 * DAY,
            7 * DAY,
            14 * DAY,
            30 * DAY,
            60 * DAY,
        ];
        let span = self.to_ms - self.from_ms;
        let step = STEPS.into_iter().find(|step| span / step <= 8).unwrap_or(span / 8 + 1);
        let first = (self.from_ms + zone_ms).div_euclid(step) * step - zone_ms;
        std::iter::successors(Some(first), |at| Some(at + step))
            .skip_while(|at| *at < self.from_ms)
            .take_while(|at| *at <= self.to_ms)
            .map(|at| Tick { at: self.share(at), value: at as f64 })
            .collect()
    }

    fn counts(&self) -> Vec<Tick> {
        let third = f64::from(self.count_max / 3);
        (0..=3).map(|n| Tick { at: f64::from(n) / 3.0, value: f64::from(n) * third }).collect()
    }
}

/// A number changes at once, not on the way: a line of steps.
fn steps(points: &[(i32, i32)]) -> Vec<(i32, i32)> {
    let mut out = Vec::with_capacity(points.len() * 2);
    for (at, point) in points.iter().enumerate() {
        if at > 0 && points[at - 1].1 != point.1 {
            out.push((point.0, points[at - 1].1));
        }
        out.push(*point);
    }
    out
}

#[allow(clippy::cast_possible_truncation, reason = "clamped to the view box")]
fn x_of(share: f64) -> i32 {
    (share.clamp(0.0, 1.0) * f64::from(WIDTH)).round() as i32
}

#[allow(clippy::cast_possible_truncation, reason = "clamped to the view box")]
fn y_of(share: f64) -> i32 {
    ((1.0 - share.clamp(0.0, 1.0)) * f64::from(HEIGHT)).round() as i32
}

fn edge(size: u32) -> i32 {
    i32::try_from(size).unwrap_or(i32::MAX)
}

struct Pen<'a, 'b> {
    backend: &'a mut SVGBackend<'b>,
}

impl Pen<'_, '_> {
    fn line(&mut self, points: &[(i32, i32)], colour: Colour, width_px: u32) {
        let style = ShapeStyle { color: colour.plotters().into(), filled: false, stroke_width: width_px };
        let _ = self.backend.draw_path(points.iter().copied(), &style);
    }

    /// A line of data; a single point is drawn as a short dash, so that it can be seen.
    fn path(&mut self, points: &[(i32, i32)], colour: Colour) {
        match points {
            [] => {}
            [(x, y)] => self.line(&[((x - 20).max(0), *y), ((x + 20).min(edge(WIDTH)), *y)], colour, LINE_PX),
            points => self.line(points, colour, LINE_PX),
        }
    }

    /// A dashed line over the whole width.
    fn dashes(&mut self, y: i32, colour: Colour) {
        for at in (0..edge(WIDTH)).step_by(160) {
            self.line(&[(at, y), ((at + 90).min(edge(WIDTH)), y)], colour, GRID_PX);
        }
    }
}
