//! The panel in which it is said what one virtual machine, or all selected ones, become.

use hdm_shared::migration::{MacPolicy, ShutdownMode, Verify};
use leptos::prelude::*;

use super::mended::MendedSelect;
use super::state::Wizard;
use crate::i18n::t;
use crate::model::wizard::draft::SHUTDOWN_SECONDS;
use crate::model::wizard::validate::{Field, typed};
use crate::widgets::form::{Choice, Input, Select};
use crate::widgets::{Alert, Level, Panel};

#[component]
pub fn VmSettings(
    wizard: Wizard,
    moids: Vec<String>,
    edited: RwSignal<Option<Vec<String>>>,
) -> impl IntoView {
    let vms = wizard.vms.get_untracked();
    let one = match moids.as_slice() {
        [moid] => vms.get(moid).cloned(),
        _ => None,
    };
    let said = one
        .as_ref()
        .and_then(|vm| wizard.draft.with_untracked(|draft| draft.own_settings.get(&vm.vm.moid).cloned()))
        .unwrap_or_default();
    let text = |value: Option<String>| RwSignal::new(value.unwrap_or_default());
    let name = text(said.name);
    let cpus = text(said.cpus.map(|n| n.to_string()));
    let memory = text(said.memory_mib.map(|n| n.to_string()));
    let timeout = text(said.shutdown_timeout_seconds.map(|n| n.to_string()));
    let shutdown = text(
        said.shutdown.filter(|mode| *mode != ShutdownMode::Guest).map(|mode| shutdown_word(mode).to_owned()),
    );
    let power = text(said.power_on.map(|on| if on { "on" } else { "off" }.to_owned()));
    let mac = text(said.mac.filter(|mac| *mac == MacPolicy::New).map(|_| "new".to_owned()));
    let verify = text(said.verify.filter(|how| *how == Verify::Readback).map(|_| "readback".to_owned()));
    let wrong = RwSignal::new(Vec::<Field>::new());
    let title = match &one {
        Some(vm) => t::vms::settings_one(&vm.name),
        None => t::vms::settings_many(moids.len() as u64),
    };
    let is_one = one.is_some();
    let apply = move || {
        let read = typed(
            &name.get_untracked(),
            &cpus.get_untracked(),
            &memory.get_untracked(),
            &timeout.get_untracked(),
        );
        match read {
            Err(fields) => wrong.set(fields),
            Ok(mut settings) => {
                settings.shutdown = shutdown_of(&shutdown.get_untracked());
                settings.power_on = match power.get_untracked().as_str() {
                    "on" => Some(true),
                    "off" => Some(false),
                    _ => None,
                };
                settings.mac = match mac.get_untracked().as_str() {
                    "keep" => Some(MacPolicy::Keep),
                    "new" => Some(MacPolicy::New),
                    _ => None,
                };
                settings.verify = match verify.get_untracked().as_str() {
                    "checksums" => Some(Verify::Checksums),
                    "readback" => Some(Verify::Readback),
                    _ => None,
                };
                wizard.draft.update(|draft| {
                    if is_one {
                        // What was emptied is unsaid.
                        for moid in &moids {
                            draft.own_settings.remove(moid);
                        }
                    }
                    draft.set_own(&moids, &settings);
                });
                edited.set(None);
            }
        }
    };
    let apply = StoredValue::new(apply);
    // The panel was opened for it; what is typed comes before it, and it goes with the panel.
    let mend = StoredValue::new(wizard.mend.get_untracked().unwrap_or_default());
    on_cleanup(move || wizard.mend.set(None));
    let at = move |field: &'static str| mend.with_value(|mend| mend.at(field));
    let is_wrong = move |field: Field, words: &'static str, id: &'static str| {
        Signal::derive(
            move || {
                if wrong.with(|wrong| wrong.contains(&field)) { words.to_owned() } else { at(id) }
            },
        )
    };
    let (cpu_now, memory_now, name_now) = match &one {
        Some(vm) => (vm.cpus.to_string(), vm.memory_mib.to_string(), vm.name.clone()),
        None => (t::vms::unchanged().to_owned(), t::vms::unchanged().to_owned(), String::new()),
    };
    // For one the first choice is what happens if nothing is said; for several there is also "leave as it is".
    let unchanged =
        move |word: &'static str| Choice::new("", if is_one { word } else { t::vms::unchanged() });
    let mut shutdown_choices = vec![
        unchanged(t::vms::shutdown_guest_long()),
        Choice::new("hard", t::vms::shutdown_hard_long()),
        Choice::new("refuse", t::vms::shutdown_refuse_long()),
    ];
    let mut mac_choices =
        vec![unchanged(t::vms::mac_keep_long()), Choice::new("new", t::vms::mac_new_long())];
    let mut verify_choices =
        vec![unchanged(t::vms::verify_checksums()), Choice::new("readback", t::vms::verify_readback())];
    if !is_one {
        verify_choices.insert(1, Choice::new("checksums", t::vms::verify_checksums()));
        shutdown_choices.insert(1, Choice::new("guest", t::vms::shutdown_guest_long()));
        mac_choices.insert(1, Choice::new("keep", t::vms::mac_keep_long()));
    }
    let findings = one.map(|vm| vm.findings.clone()).unwrap_or_default();
    view! {
        <Panel title=Signal::stored(title) close=move |()| edited.set(None)>
            <form
                class="hdm-form"
                novalidate
                on:submit=move |event| {
                    event.prevent_default();
                    apply.with_value(|apply| apply());
                }
            >
                {findings
                    .into_iter()
                    .map(|finding| {
                        let level = if finding.blocks() { Level::Danger } else { Level::Warning };
                        view! { <Alert level>{finding.message} " " {finding.remedy}</Alert> }
                    })
                    .collect_view()}
                {
                    let words = at("");
                    (!words.is_empty()).then(|| view! { <Alert level=Level::Danger>{words}</Alert> })
                }
                {is_one
                    .then(|| {
                        view! {
                            <Input
                                id="hdm-vm-name"
                                label=t::vms::field_name()
                                value=name
                                placeholder=name_now
                                wrong=is_wrong(Field::Name, t::vms::wrong_name(), "name")
                            />
                        }
                    })}
                <Input
                    id="hdm-vm-cpus"
                    label=t::vms::field_cpu()
                    value=cpus
                    placeholder=cpu_now
                    numeric=true
                    wrong=is_wrong(Field::Cpus, t::vms::wrong_cpu(), "cpus")
                />
                <Input
                    id="hdm-vm-memory"
                    label=t::vms::field_memory()
                    value=memory
                    placeholder=memory_now
                    numeric=true
                    wrong=is_wrong(Field::Memory, t::vms::wrong_memory(), "memory")
                />
                <MendedSelect
                    id="hdm-vm-shutdown"
                    label=t::vms::field_shutdown()
                    value=shutdown
                    on_choice=move |chosen| shutdown.set(chosen)
                    choices=shutdown_choices
                    wrong=at("shutdown")
                />
                <Input
                    id="hdm-vm-timeout"
                    label=t::vms::field_timeout()
                    value=timeout
                    placeholder=SHUTDOWN_SECONDS.to_string()
                    numeric=true
                    wrong=is_wrong(Field::Timeout, t::vms::wrong_timeout(), "timeout")
                />
                <Select
                    id="hdm-vm-power"
                    label=t::vms::field_power()
                    value=power
                    on_choice=move |chosen| power.set(chosen)
                    choices=vec![
                        unchanged(t::vms::as_it_was()),
                        Choice::new("on", t::vms::yes()),
                        Choice::new("off", t::vms::no()),
                    ]
                />
                <MendedSelect
                    id="hdm-vm-mac"
                    label=t::vms::field_mac()
                    value=mac
                    on_choice=move |chosen| mac.set(chosen)
                    choices=mac_choices
                    wrong=at("mac")
                />
                <Select
                    id="hdm-vm-verify"
                    label=t::vms::field_verify()
                    value=verify
                    on_choice=move |chosen| verify.set(chosen)
                    choices=verify_choices
                />
                <div class="hdm-buttons">
                    <button type="button" class="btn btn-sm btn-outline" on:click=move |_| edited.set(None)>
                        {t::vms::cancel()}
                    </button>
                    <button type="submit" class="btn btn-sm btn-primary">
                        {t::vms::apply()}
                    </button>
                </div>
            </form>
        </Panel>
    }
}

fn shutdown_word(mode: ShutdownMode) -> &'static str {
    match mode {
        ShutdownMode::Guest => "guest",
        ShutdownMode::Hard => "hard",
        ShutdownMode::Refuse => "refuse",
    }
}

fn shutdown_of(word: &str) -> Option<ShutdownMode> {
    [ShutdownMode::Guest, ShutdownMode::Hard, ShutdownMode::Refuse]
        .into_iter()
        .find(|mode| shutdown_word(*mode) == word)
}
