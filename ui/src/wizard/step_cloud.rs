//! Step 3: which cloud, with what it has free before and after.

use hdm_shared::cloud::CloudOffer;
use hdm_shared::vm::VmView;
use leptos::prelude::*;

use super::state::Wizard;
use crate::format;
use crate::i18n::t;
use crate::model::wizard::totals::{Capacity, Needs, capacity, needs};
use crate::widgets::Empty;

#[component]
pub fn Cloud(wizard: Wizard) -> impl IntoView {
    let needed = Memo::new(move |_| {
        let chosen = wizard.chosen();
        let vms: Vec<&VmView> = chosen.iter().map(AsRef::as_ref).collect();
        wizard.draft.with(|draft| needs(draft, &vms, None))
    });
    let line = move |offer: CloudOffer| {
        let (cloud, name) = (offer.vcenter.clone(), offer.vcenter.to_string());
        let id = format!("hdm-cloud-{name}");
        let available = offer.unavailable.is_none();
        let chosen = {
            let cloud = cloud.clone();
            move || wizard.draft.with(|draft| draft.cloud.as_ref() == Some(&cloud))
        };
        let pick = move |_| {
            let cloud = cloud.clone();
            wizard.draft.update(|draft| draft.choose_cloud(cloud));
            wizard.tried.set(false);
        };
        let room = capacity(&offer.clusters);
        let clusters: Vec<String> =
            offer.clusters.iter().map(|cluster| cluster.object.name.clone()).collect();
        let cells = match offer.unavailable {
            Some(reason) => view! { <td colspan="3" class="left hdm-quiet">{reason}</td> }.into_any(),
            None => view! {
                <td class="left">{clusters.join(", ")}</td>
                <td>{move || view! { <Cpu room needed=needed.get()/> }}</td>
                <td>{move || view! { <Memory room needed=needed.get()/> }}</td>
            }
            .into_any(),
        };
        view! {
            <tr class:hdm-unavailable=!available>
                <td>
                    <input
                        id=id.clone()
                        type="radio"
                        name="hdm-cloud"
                        disabled=!available
                        prop:checked=chosen
                        on:change=pick
                    />
                </td>
                <td class="left">
                    <label for=id>
                        <b>{name}</b>
                        <br/>
                        <span class="hdm-quiet">{offer.address}</span>
                    </label>
                </td>
                {cells}
            </tr>
        }
    };
    view! {
        <h2 id="hdm-step-title" tabindex="-1">{t::cloud::title()}</h2>
        <Show
            when=move || !wizard.offers.with(Vec::is_empty)
            fallback=|| {
                view! {
                    <Empty
                        title=t::cloud::empty_title().to_owned()
                        hint=t::cloud::empty_hint().to_owned()
                    />
                }
            }
        >
            <table class="table hdm-clouds" aria-label=t::cloud::list()>
                <thead>
                    <tr>
                        <th scope="col">
                            <span class="clr-sr-only">{t::cloud::title()}</span>
                        </th>
                        <th scope="col" class="left">{t::migration::cloud()}</th>
                        <th scope="col" class="left">{t::cloud::clusters()}</th>
                        <th scope="col">{t::cloud::cpu()}</th>
                        <th scope="col">{t::cloud::memory()}</th>
                    </tr>
                </thead>
                <tbody>{move || wizard.offers.get().into_iter().map(line).collect_view()}</tbody>
            </table>
        </Show>
    }
}

fn whole(value: i64) -> String {
    format::decimal(
        #[allow(clippy::cast_precision_loss, reason = "shown to people")]
        {
            value as f64
        },
        0,
    )
}

/// A signed amount of memory; less than nothing is free where more is promised than there is.
fn signed_memory(mib: i64) -> String {
    let size = format::memory(mib.unsigned_abs());
    if mib < 0 { format!("−{size}") } else { size }
}

#[component]
fn Cpu(room: Capacity, needed: Needs) -> impl IntoView {
    let after = room.cpus_free - i64::try_from(needed.cpus).unwrap_or(i64::MAX);
    view! {
        {whole(room.cpus_free)}
        " / "
        {format::integer(room.cpus_total)}
        <After shown={needed.vms > 0} short={after < 0} free=whole(after)/>
    }
}

#[component]
fn Memory(room: Capacity, needed: Needs) -> impl IntoView {
    let after = room.memory_free_mib - i64::try_from(needed.memory_mib).unwrap_or(i64::MAX);
    view! {
        {signed_memory(room.memory_free_mib)}
        " / "
        {format::memory(room.memory_total_mib)}
        <After shown={needed.vms > 0} short={after < 0} free=signed_memory(after)/>
    }
}

#[component]
fn After(shown: bool, short: bool, free: String) -> impl IntoView {
    shown.then(|| {
        view! {
            <br/>
            <span class="hdm-quiet" class:hdm-short=short>{t::cloud::after(free)}</span>
            {short.then(|| view! { <br/> <span class="hdm-short">{t::cloud::too_small()}</span> })}
        }
    })
}
