//! The graph: use of the cloud on the left axis, VMs moved there on the right one.

use std::fmt::Write as _;

use hdm_charts::{Colour, Lines, Palette, Theme, Timeline, timeline};
use hdm_shared::csv::csv;
use hdm_shared::sample::{Sample, SampleSeries};
use leptos::html;
use leptos::prelude::*;

use super::load::History;
use crate::format;
use crate::i18n::t;
use crate::model::history::{ahead_ms, nearest};
use crate::page::theme;
use crate::widgets::form::{Choice, Select};
use crate::widgets::{Exports, Icon, Loading, Menu, MenuEntry, Unknown};

const DAY_MS: i64 = 86_400_000;

/// Which graph, and of which cloud if there are several.
#[component]
pub(super) fn Selectors(history: History) -> impl IntoView {
    let graphs = vec![
        Choice::new("all", t::history::graph_all()),
        Choice::new("usage", t::history::graph_usage()),
        Choice::new("moved", t::history::graph_moved()),
    ];
    let clouds = Signal::derive(move || {
        history.clouds.get().into_iter().map(|name| Choice::new(name.clone(), name)).collect::<Vec<_>>()
    });
    let chosen = Signal::derive(move || {
        let chosen = history.cloud.get();
        if chosen.is_empty() {
            history.clouds.with(|c| c.first().cloned().unwrap_or_default())
        } else {
            chosen
        }
    });
    view! {
        <Select
            id="hdm-graph"
            label=t::history::graph()
            value=history.graph
            choices=Signal::stored(graphs)
            on_choice=move |graph| history.graph.set(graph)
        />
        <Show when=move || { history.clouds.with(Vec::len) > 1 }>
            <Select
                id="hdm-graph-cloud"
                label=t::migration::cloud()
                value=chosen
                choices=clouds
                on_choice=move |cloud| history.cloud.set(cloud)
            />
        </Show>
    }
}

fn lines_of(graph: &str) -> Lines {
    Lines { usage: graph != "moved", moved: graph != "usage" }
}

/// The graph.
#[component]
pub(super) fn Chart(history: History) -> impl IntoView {
    let theme = theme::current();
    let as_table = RwSignal::new(false);
    let lines = Memo::new(move |_| history.graph.with(|graph| lines_of(graph)));
    let chart = Memo::new(move |_| {
        let (from_ms, to_ms) = history.span_ms.get();
        let palette = Palette::of(theme.get());
        history.series.with(|series| {
            timeline(series, from_ms, to_ms, ahead_ms(to_ms, format::date), lines.get(), palette)
        })
    });
    let exports = expect_context::<Exports>();
    let entries = move |()| {
        vec![
            MenuEntry::new(
                if as_table.get_untracked() {
                    t::progress::chart_chart()
                } else {
                    t::progress::chart_table()
                },
                move || as_table.update(|on| *on = !*on),
            ),
            MenuEntry::new(t::progress::chart_svg(), move || {
                let text = untrack(|| standalone(history, lines.get()));
                exports.offer("hdm-migrate-summary.svg", "image/svg+xml", text);
            }),
            MenuEntry::new(t::progress::chart_csv(), move || {
                exports.offer("hdm-migrate-summary.csv", "text/csv", history.series.with_untracked(table));
            }),
        ]
    };
    view! {
        <figure class="hdm-chart hdm-timeline card" aria-labelledby="hdm-chart-title">
            <figcaption class="hdm-chart-head">
                <h2 id="hdm-chart-title">{t::history::chart_title()}</h2>
                <Menu label=t::progress::chart_menu().to_owned() icon=Icon::Bars entries/>
            </figcaption>
            <Show when=move || !as_table.get() fallback=move || view! { <AsTable history/> }>
                <Show
                    when=move || history.series.with(|series| !series.samples.is_empty())
                    fallback=move || {
                        if history.sampling.get() {
                            view! { <Loading/> }.into_any()
                        } else if !history.sampled.get() {
                            view! { <Unknown/> }.into_any()
                        } else {
                            view! { <p class="hdm-quiet">{t::history::no_samples()}</p> }.into_any()
                        }
                    }
                >
                    <Plot history chart lines/>
                </Show>
                <Legend lines/>
            </Show>
        </figure>
    }
}

/// The plot with its axes. The pointer, or the arrow keys, read values off it.
#[component]
fn Plot(history: History, chart: Memo<Timeline>, lines: Memo<Lines>) -> impl IntoView {
    let area = NodeRef::<html::Div>::new();
    let read_at = RwSignal::new(None::<usize>);
    let days = move || {
        let (from, to) = history.span_ms.get();
        to - from > 2 * DAY_MS
    };
    let place = move |event: &web_sys::MouseEvent| {
        let place = area.get_untracked()?.get_bounding_client_rect();
        let share = (f64::from(event.client_x()) - place.left()) / place.width().max(1.0);
        let (from, to) = history.span_ms.get_untracked();
        #[allow(
            clippy::cast_precision_loss,
            clippy::cast_possible_truncation,
            reason = "a place on the screen"
        )]
        let at_ms = from + ((to - from) as f64 * share) as i64;
        history.series.with_untracked(|series| nearest(series, at_ms))
    };
    let on_key = move |event: web_sys::KeyboardEvent| {
        let last = history.series.with_untracked(|series| series.samples.len()).saturating_sub(1);
        let now = read_at.get_untracked();
        let next = match event.key().as_str() {
            "ArrowLeft" => Some(now.map_or(last, |at| at.saturating_sub(1))),
            "ArrowRight" => Some(now.map_or(0, |at| (at + 1).min(last))),
            "Home" => Some(0),
            "End" => Some(last),
            "Escape" => None,
            _ => return,
        };
        event.prevent_default();
        read_at.set(next);
    };
    let sample = Memo::new(move |_| {
        read_at.get().and_then(|at| history.series.with(|series| series.samples.get(at).copied()))
    });
    let share = move |sample: Sample| {
        let (from, to) = history.span_ms.get();
        #[allow(clippy::cast_precision_loss, reason = "a place on the screen")]
        let share = (sample.at_ms - from) as f64 / (to - from).max(1) as f64;
        share.clamp(0.0, 1.0)
    };
    let tooltip = move || {
        sample.get().map(|sample| {
            let share = share(sample);
            let side = if share > 0.5 { "hdm-tooltip hdm-left" } else { "hdm-tooltip" };
            view! {
                <span class="hdm-cursor" style:left=format!("{:.2}%", share * 100.0)>
                    <span class=side role="status">
                        <b>{moment(sample.at_ms)}</b>
                        {values(sample, lines.get()).into_iter().map(|line| view! { <span>{line}</span> }).collect_view()}
                    </span>
                </span>
            }
        })
    };
    let label = move |at: f64, side: &'static str, text: String| {
        view! { <span class=side style:bottom=format!("{:.2}%", at * 100.0)>{text}</span> }
    };
    view! {
        <div class="hdm-plot-row">
            <span class="hdm-axis-name" aria-hidden="true">{move || lines.get().usage.then_some("%")}</span>
            <div class="hdm-axis" aria-hidden="true">
                {move || {
                    let shown = lines.get().usage;
                    chart
                        .with(|chart| chart.percents.clone())
                        .into_iter()
                        .filter(|_| shown)
                        .map(|tick| label(tick.at, "hdm-tick", format::decimal(tick.value, 0)))
                        .collect_view()
                }}
            </div>
            <div
                node_ref=area
                class="hdm-plot"
                role="group"
                tabindex="0"
                aria-label=t::history::chart_title()
                on:mousemove=move |event| read_at.set(place(&event))
                on:mouseleave=move |_| read_at.set(None)
                on:keydown=on_key
            >
                {move || {
                    let drawing = chart.with(|chart| chart.drawing.clone());
                    view! {
                        <svg
                            viewBox=format!("0 0 {} {}", drawing.width, drawing.height)
                            preserveAspectRatio="none"
                            role="img"
                            aria-label=history.series.with(in_words)
                            inner_html=drawing.shapes
                        ></svg>
                    }
                }}
                {tooltip}
            </div>
            <div class="hdm-axis hdm-right" aria-hidden="true">
                {move || {
                    let shown = lines.get().moved;
                    chart
                        .with(|chart| chart.counts.clone())
                        .into_iter()
                        .filter(|_| shown)
                        .map(|tick| label(tick.at, "hdm-tick", format::decimal(tick.value, 0)))
                        .collect_view()
                }}
            </div>
            <span class="hdm-axis-name hdm-right" aria-hidden="true">
                {move || lines.get().moved.then(t::history::axis_vms)}
            </span>
            <div class="hdm-times" aria-hidden="true">
                {move || {
                    let days = days();
                    chart
                        .with(|chart| chart.times.clone())
                        .into_iter()
                        .map(|tick| {
                            #[allow(clippy::cast_possible_truncation, reason = "whole milliseconds")]
                            let at_ms = tick.value as i64;
                            let text = if days { format::date(at_ms) } else { format::time(at_ms) };
                            view! { <span style:left=format!("{:.2}%", tick.at * 100.0)>{text}</span> }
                        })
                        .collect_view()
                }}
            </div>
        </div>
    }
}

fn moment(at_ms: i64) -> String {
    jiff::Timestamp::from_millisecond(at_ms).map(format::date_time).unwrap_or_default()
}

fn values(sample: Sample, lines: Lines) -> Vec<String> {
    let percent = |value: f64| format::percent(value / 100.0);
    let mut values = Vec::new();
    if lines.usage {
        values.push(format!("{}: {}", t::history::cpu(), percent(sample.cpu_percent)));
        values.push(format!("{}: {}", t::history::memory(), percent(sample.memory_percent)));
    }
    if lines.moved {
        values.push(format!("{}: {}", t::history::cold(), format::integer(sample.cold_vms.into())));
    }
    values
}

/// The chart as a sentence: where each line begins and ends.
fn in_words(series: &SampleSeries) -> String {
    let (Some(first), Some(last)) = (series.samples.first(), series.samples.last()) else {
        return t::history::no_samples().to_owned();
    };
    let all = Lines { usage: true, moved: true };
    t::history::in_words(
        moment(first.at_ms),
        values(*first, all).join(", "),
        moment(last.at_ms),
        values(*last, all).join(", "),
    )
}

fn entries(lines: Lines, palette: Palette) -> Vec<(&'static str, &'static str, Colour)> {
    let mut entries = Vec::new();
    if lines.moved {
        entries.push(("hdm-line hdm-line-cold", t::history::cold(), palette.moved()));
    }
    if lines.usage {
        entries.push(("hdm-line hdm-line-cpu", t::history::cpu(), palette.cpu()));
        entries.push(("hdm-line hdm-line-memory", t::history::memory(), palette.memory()));
        entries.push(("hdm-line hdm-line-threshold", t::history::threshold(), palette.threshold()));
    }
    entries
}

#[component]
fn Legend(lines: Memo<Lines>) -> impl IntoView {
    view! {
        <ul class="hdm-line-legend">
            {move || {
                entries(lines.get(), Palette::of(Theme::Light))
                    .into_iter()
                    .map(|(class, name, _)| {
                        view! {
                            <li>
                                <span class=class aria-hidden="true"></span>
                                {name}
                            </li>
                        }
                    })
                    .collect_view()
            }}
        </ul>
    }
}

/// So many rows are shown; the CSV has them all.
const TABLE_ROWS: usize = 200;

#[component]
fn AsTable(history: History) -> impl IntoView {
    let row = |sample: &Sample| {
        view! {
            <tr>
                <td class="left">{moment(sample.at_ms)}</td>
                <td>{format::decimal(sample.cpu_percent, 1)}</td>
                <td>{format::decimal(sample.memory_percent, 1)}</td>
                <td>{format::integer(sample.cold_vms.into())}</td>
            </tr>
        }
    };
    let total = move || history.series.with(|series| series.samples.len());
    let cut = move || {
        (total() > TABLE_ROWS).then(|| {
            let (shown, total) = (format::integer(TABLE_ROWS as u64), format::integer(total() as u64));
            view! { <p class="hdm-quiet">{t::history::table_cut(shown, total)}</p> }
        })
    };
    view! {
        <div class="hdm-table-scroll" tabindex="0" role="region" aria-label=t::history::chart_title()>
            <table class="table table-compact hdm-chart-table">
                <thead>
                    <tr>
                        <th class="left" scope="col">{t::history::time()}</th>
                        <th scope="col">{t::history::cpu_percent()}</th>
                        <th scope="col">{t::history::memory_percent()}</th>
                        <th scope="col">{t::history::cold()}</th>
                    </tr>
                </thead>
                <tbody>
                    {move || {
                        history
                            .series
                            .with(|series| series.samples.iter().rev().take(TABLE_ROWS).map(row).collect_view())
                    }}
                </tbody>
            </table>
            {cut}
        </div>
    }
}

fn table(series: &SampleSeries) -> String {
    let header =
        [t::history::time(), t::history::cpu_percent(), t::history::memory_percent(), t::history::cold()];
    let rows = series.samples.iter().map(|sample| {
        vec![
            jiff::Timestamp::from_millisecond(sample.at_ms).map(|at| at.to_string()).unwrap_or_default(),
            format!("{:.2}", sample.cpu_percent),
            format!("{:.2}", sample.memory_percent),
            sample.cold_vms.to_string(),
        ]
    });
    csv(&header, rows)
}

/// The chart as a file of its own: with title, axes and legend, on white.
fn standalone(history: History, lines: Lines) -> String {
    let palette = Palette::of(Theme::Light);
    let (from_ms, to_ms) = history.span_ms.get();
    let chart = history
        .series
        .with(|series| timeline(series, from_ms, to_ms, ahead_ms(to_ms, format::date), lines, palette));
    let mut text = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 900 360\" font-family=\"sans-serif\" \
         font-size=\"12\"><rect width=\"900\" height=\"360\" fill=\"{}\"/><text x=\"50\" y=\"30\" \
         font-size=\"18\">{}</text><svg x=\"50\" y=\"50\" width=\"800\" height=\"240\" viewBox=\"0 0 {} {}\" \
         preserveAspectRatio=\"none\">{}</svg>",
        palette.background().css(),
        t::history::chart_title(),
        chart.drawing.width,
        chart.drawing.height,
        chart.drawing.shapes,
    );
    let mut at = |x: f64, y: f64, anchor: &str, label: &str| {
        // Writing into a string cannot fail.
        let _ = write!(text, "<text x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\">{label}</text>");
    };
    for tick in chart.percents.iter().filter(|_| lines.usage) {
        at(44.0, 294.0 - tick.at * 240.0, "end", &format::decimal(tick.value, 0));
    }
    for tick in chart.counts.iter().filter(|_| lines.moved) {
        at(856.0, 294.0 - tick.at * 240.0, "start", &format::decimal(tick.value, 0));
    }
    for tick in &chart.times {
        #[allow(clippy::cast_possible_truncation, reason = "whole milliseconds")]
        let at_ms = tick.value as i64;
        let label = if to_ms - from_ms > 2 * DAY_MS { format::date(at_ms) } else { format::time(at_ms) };
        at(50.0 + tick.at * 800.0, 308.0, "middle", &label);
    }
    for (n, (_, name, colour)) in entries(lines, palette).into_iter().enumerate() {
        #[allow(clippy::cast_precision_loss, reason = "four at most")]
        let x = 60.0 + n as f64 * 200.0;
        let _ = write!(
            text,
            "<rect x=\"{x}\" y=\"333\" width=\"16\" height=\"3\" fill=\"{}\"/><text x=\"{}\" y=\"339\">{name}</text>",
            colour.css(),
            x + 22.0,
        );
    }
    text.push_str("</svg>\n");
    text
}
