//! The doughnut "Migration State Distribution", its legend, its menu, and the same as a table.

use std::fmt::Write as _;

use hdm_charts::{Palette, Slice, Theme, doughnut};
use hdm_shared::csv::csv;
use hdm_shared::display::ChartState;
use hdm_shared::migration::MigrationView;
use leptos::prelude::*;

use super::Filter;
use crate::format;
use crate::grid::Rows;
use crate::i18n::t;
use crate::model::in_progress::distribution;
use crate::model::overview::Only;
use crate::page::theme;
use crate::widgets::state_label::chart_state_words;
use crate::widgets::{Exports, Icon, Menu, MenuEntry};

type Counts = [(ChartState, u64); ChartState::ALL.len()];

/// The chart.
#[component]
pub(super) fn Chart(all: Signal<Rows<MigrationView>>, filter: Filter) -> impl IntoView {
    let counts = Memo::new(move |_| all.with(|all| distribution(all.iter().map(AsRef::as_ref))));
    let as_table = RwSignal::new(false);
    let theme = theme::current();
    let total = Memo::new(move |_| counts.with(sum));
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
                exports.offer(
                    "hdm-migration-states.svg",
                    "image/svg+xml",
                    standalone(&counts.get_untracked()),
                );
            }),
            MenuEntry::new(t::progress::chart_csv(), move || {
                exports.offer("hdm-migration-states.csv", "text/csv", table(&counts.get_untracked()));
            }),
        ]
    };
    view! {
        <figure class="hdm-chart card" aria-labelledby="hdm-chart-title">
            <figcaption class="hdm-chart-head">
                <h2 id="hdm-chart-title">{t::progress::chart_title()}</h2>
                <Menu label=t::progress::chart_menu().to_owned() icon=Icon::Bars entries/>
            </figcaption>
            <Show
                when=move || !as_table.get()
                fallback=move || view! { <AsTable counts/> }
            >
                <div class="hdm-chart-body">
                    <div class="hdm-ring">
                        {move || ring(&counts.get(), theme.get())}
                        <span class="hdm-ring-total" aria-hidden="true">
                            <b>{move || format::integer(total.get())}</b>
                            {t::progress::chart_total()}
                        </span>
                    </div>
                    <Legend counts filter/>
                </div>
            </Show>
        </figure>
    }
}

fn sum(counts: &Counts) -> u64 {
    counts.iter().map(|(_, count)| count).sum()
}

fn shapes(counts: &Counts, theme: Theme) -> hdm_charts::Drawing {
    let palette = Palette::of(theme);
    let slices = counts.map(|(state, value)| Slice { value, colour: palette.state(state) });
    doughnut(&slices, palette)
}

fn ring(counts: &Counts, theme: Theme) -> impl IntoView + use<> {
    let drawing = shapes(counts, theme);
    view! {
        <svg
            viewBox=format!("0 0 {} {}", drawing.width, drawing.height)
            role="img"
            aria-label=in_words(counts)
            inner_html=drawing.shapes
        ></svg>
    }
}

/// The chart as a sentence.
fn in_words(counts: &Counts) -> String {
    let parts: Vec<String> = counts
        .iter()
        .filter(|(_, count)| *count > 0)
        .map(|(state, count)| format!("{}: {}", chart_state_words(*state), format::integer(*count)))
        .collect();
    if parts.is_empty() { t::progress::chart_empty().to_owned() } else { parts.join(", ") }
}

#[component]
fn Legend(counts: Memo<Counts>, filter: Filter) -> impl IntoView {
    let entry = move |at: usize| {
        let state = ChartState::ALL[at];
        let count = move || counts.with(|counts| counts[at].1);
        let chosen = move || filter.only.get() == Some(Only::State(state));
        let name = chart_state_words(state);
        view! {
            <li>
                <button
                    type="button"
                    class="hdm-legend-entry"
                    class:hdm-none=move || count() == 0
                    aria-pressed=move || chosen().to_string()
                    title=t::progress::filter_by(name)
                    on:click=move |_| {
                        let this = Only::State(state);
                        filter.only.update(|now| *now = (*now != Some(this)).then_some(this));
                    }
                >
                    <span class=format!("hdm-dot hdm-state-{}", state.word()) aria-hidden="true"></span>
                    <span>{name}</span>
                    <span class="hdm-legend-count">{move || format::integer(count())}</span>
                </button>
            </li>
        }
    };
    view! { <ul class="hdm-legend">{(0..ChartState::ALL.len()).map(entry).collect_view()}</ul> }
}

#[component]
fn AsTable(counts: Memo<Counts>) -> impl IntoView {
    let row = |(state, count): (ChartState, u64)| {
        view! {
            <tr>
                <td class="left">{chart_state_words(state)}</td>
                <td>{format::integer(count)}</td>
            </tr>
        }
    };
    view! {
        <table class="table table-compact hdm-chart-table" aria-label=t::progress::chart_title()>
            <thead>
                <tr>
                    <th class="left" scope="col">{t::migration::state()}</th>
                    <th scope="col">{t::progress::vms()}</th>
                </tr>
            </thead>
            <tbody>{move || counts.get().into_iter().map(row).collect_view()}</tbody>
        </table>
    }
}

fn table(counts: &Counts) -> String {
    let rows =
        counts.iter().map(|(state, count)| vec![chart_state_words(*state).to_owned(), count.to_string()]);
    csv(&[t::migration::state(), t::progress::vms()], rows)
}

/// The chart as a file of its own: with its title and legend, on white.
fn standalone(counts: &Counts) -> String {
    let drawing = shapes(counts, Theme::Light);
    let palette = Palette::of(Theme::Light);
    let mut text = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 560 300\" font-family=\"sans-serif\">\
         <rect width=\"560\" height=\"300\" fill=\"{}\"/>\
         <text x=\"20\" y=\"32\" font-size=\"18\">{}</text>\
         <svg x=\"20\" y=\"60\" width=\"220\" height=\"220\" viewBox=\"0 0 {} {}\">{}</svg>",
        palette.background().css(),
        escape(t::progress::chart_title()),
        drawing.width,
        drawing.height,
        drawing.shapes,
    );
    for (at, (state, count)) in counts.iter().enumerate() {
        let y = 78 + at * 22;
        // Writing into a string cannot fail.
        let _ = write!(
            text,
            "<circle cx=\"276\" cy=\"{}\" r=\"6\" fill=\"{}\"/><text x=\"292\" y=\"{y}\" font-size=\"13\">{}: \
             {}</text>",
            y - 5,
            palette.state(*state).css(),
            escape(chart_state_words(*state)),
            format::integer(*count),
        );
    }
    text.push_str("</svg>\n");
    text
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The legends' colours are in the style sheet, because the pages' policy allows no style attribute.
    #[test]
    fn the_style_sheet_has_the_colours_of_the_charts() {
        let style = include_str!("../../../style/migration.css");
        for (theme, dark) in [(Theme::Light, ""), (Theme::Dark, "[cds-theme~=\"dark\"] ")] {
            let palette = Palette::of(theme);
            for state in ChartState::ALL {
                let (word, colour) = (state.word(), palette.state(state).css());
                let rule = format!("\n{dark}.hdm-state-{word} {{ background: {colour}; }}");
                assert!(style.contains(&rule), "{rule}");
            }
            for (line, colour) in [
                ("cold", palette.moved()),
                ("cpu", palette.cpu()),
                ("memory", palette.memory()),
                ("threshold", palette.threshold()),
            ] {
                let rule = format!("\n{dark}.hdm-line-{line} {{ border-color: {};", colour.css());
                assert!(style.contains(&rule), "{rule}");
            }
        }
    }
}
