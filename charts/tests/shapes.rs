//! What charts look like, compared with what they looked like when somebody last looked.
//!
//! Set `HDM_UPDATE_SNAPSHOTS` to write them anew, and look at the difference before committing it.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::path::Path;

use hdm_charts::{Drawing, Lines, Palette, Slice, Theme, doughnut, timeline};
use hdm_shared::display::ChartState;
use hdm_shared::sample::{Sample, SampleSeries};

fn check(name: &str, drawing: &Drawing) {
    let Drawing { width, height, shapes } = drawing;
    for forbidden in ["style=", "<text", "<script", "href"] {
        assert!(!shapes.contains(forbidden), "{name} contains {forbidden}");
    }
    let svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\">\n{shapes}\n</svg>\n"
    );
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/snapshots").join(format!("{name}.svg"));
    if std::env::var_os("HDM_UPDATE_SNAPSHOTS").is_some() {
        std::fs::write(&path, &svg).unwrap();
    }
    let wanted = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(wanted == svg, "{name} looks different now; see the comment at the head of this file");
}

fn states(counts: [u64; 9], theme: Theme) -> Drawing {
    let palette = Palette::of(theme);
    let mut counts = counts.into_iter();
    let slices = ChartState::ALL
        .map(|state| Slice { value: counts.next().unwrap_or(0), colour: palette.state(state) });
    doughnut(&slices, palette)
}

#[test]
fn a_ring_of_one_state_none_and_nine() {
    for (theme, word) in [(Theme::Light, "light"), (Theme::Dark, "dark")] {
        check(&format!("ring-one-{word}"), &states([0, 0, 7, 0, 0, 0, 0, 0, 0], theme));
        check(&format!("ring-none-{word}"), &states([0; 9], theme));
        check(&format!("ring-nine-{word}"), &states([1, 2, 3, 8, 2, 1, 12, 2, 9], theme));
    }
}

#[test]
fn the_smallest_part_of_a_large_whole_is_drawn() {
    let drawing = states([1, 0, 0, 0, 0, 0, 0, 0, 9_999], Theme::Light);
    assert_eq!(drawing.shapes.matches("<polygon").count(), 2);
}

fn series(count: i64) -> SampleSeries {
    let sample = |n: i64| {
        let n32 = u32::try_from(n).unwrap();
        let wave = f64::from(n32 % 40);
        Sample { at_ms: n * 20_000, cpu_percent: 30.0 + wave, memory_percent: 20.0, cold_vms: n32 / 30 }
    };
    SampleSeries { step_seconds: 20, samples: (0..count).map(sample).collect(), threshold_percent: 80.0 }
}

const ALL: Lines = Lines { usage: true, moved: true };

#[test]
fn a_timeline_of_no_point_one_and_many() {
    for (theme, word) in [(Theme::Light, "light"), (Theme::Dark, "dark")] {
        let palette = Palette::of(theme);
        for count in [0, 1, 90] {
            let chart = timeline(&series(count), 0, 1_800_000, 0, ALL, palette);
            check(&format!("timeline-{count}-{word}"), &chart.drawing);
        }
    }
}

#[test]
fn a_gap_in_the_samples_is_a_gap_in_the_line() {
    let mut gapped = series(90);
    gapped.samples.drain(30..45);
    let palette = Palette::of(Theme::Light);
    let lines = |series: &SampleSeries| {
        let lines = Lines { usage: false, moved: true };
        let shapes = timeline(series, 0, 1_800_000, 0, lines, palette).drawing.shapes;
        shapes.matches(&palette.moved().css().to_uppercase()).count()
    };
    assert_eq!((lines(&series(90)), lines(&gapped)), (1, 2));
}

#[test]
fn ten_thousand_points_become_no_more_than_can_be_seen() {
    let chart = timeline(&series(10_000), 0, 200_000_000, 0, ALL, Palette::of(Theme::Light));
    assert!(chart.drawing.shapes.len() < 100_000, "{}", chart.drawing.shapes.len());
}

#[test]
fn days_begin_at_the_users_midnight() {
    let zone_ms = 2 * 3_600_000;
    let week_ms = 7 * 86_400_000;
    let chart = timeline(&series(0), 0, week_ms, zone_ms, ALL, Palette::of(Theme::Light));
    assert!(chart.times.len() <= 9);
    #[allow(clippy::cast_possible_truncation, reason = "a whole number")]
    let first = chart.times[0].value as i64;
    assert_eq!((first + zone_ms) % 86_400_000, 0);
}

#[test]
fn the_right_axis_has_whole_numbers() {
    let chart = timeline(&series(300), 0, 6_000_000, 0, ALL, Palette::of(Theme::Light));
    let counts: Vec<f64> = chart.counts.iter().map(|tick| tick.value).collect();
    assert_eq!(counts, [0.0, 3.0, 6.0, 9.0]);
}
