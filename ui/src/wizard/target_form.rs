//! The fields that say where something goes: cluster, datastore, pool, folder, disks.

use hdm_shared::cloud::CloudOffer;
use hdm_shared::migration::DiskFormat;
use leptos::prelude::*;

use super::mended::MendedSelect;
use super::state::Mend;
use crate::format;
use crate::i18n::t;
use crate::model::wizard::Target;
use crate::model::wizard::choices::{cluster, target_in};
use crate::widgets::form::{Choice, Select};

/// Fields for a target. `prefix` keeps the ids of two forms on one page apart.
#[component]
pub fn TargetForm(
    prefix: &'static str,
    offer: CloudOffer,
    #[prop(into)] target: Signal<Target>,
    #[prop(into)] on_change: Callback<Target>,
    /// What stands in the way.
    #[prop(into)]
    mend: Signal<Mend>,
) -> impl IntoView {
    let at = move |field: &'static str| Signal::derive(move || mend.with(|mend| mend.at(field)));
    let offer = StoredValue::new(offer);
    let change = move |change: &dyn Fn(&mut Target)| {
        let mut target = target.get_untracked();
        change(&mut target);
        on_change.run(target);
    };
    let some = |value: String| (!value.is_empty()).then_some(value);
    let clusters: Vec<Choice> = offer.with_value(|offer| {
        let of = |c: &hdm_shared::cloud::OfferedCluster| {
            Choice::new(&c.object.id, format!("{} / {}", c.object.datacenter, c.object.name))
        };
        offer.clusters.iter().map(of).collect()
    });
    let in_cluster = move |list: fn(&hdm_shared::cloud::OfferedCluster) -> Vec<Choice>| {
        Signal::derive(move || {
            let id = target.with(|target| target.cluster.clone());
            offer.with_value(|offer| cluster(offer, id.as_ref()).map(list).unwrap_or_default())
        })
    };
    let datastores = in_cluster(|cluster| {
        let of = |ds: &hdm_shared::cloud::OfferedDatastore| {
            Choice::new(&ds.object.id, t::target::free(&ds.object.name, format::bytes(ds.available_bytes)))
        };
        cluster.datastores.iter().map(of).collect()
    });
    let pools = in_cluster(|cluster| {
        let root = Choice::new("", t::target::pool_root());
        std::iter::once(root).chain(cluster.pools.iter().map(|p| Choice::new(&p.id, &p.name))).collect()
    });
    let folders = Signal::derive(move || {
        let id = target.with(|target| target.cluster.clone());
        offer.with_value(|offer| {
            let datacenter = cluster(offer, id.as_ref()).map(|cluster| cluster.object.datacenter.clone());
            let inside = offer.folders.iter().filter(|f| Some(&f.datacenter) == datacenter.as_ref());
            let root = Choice::new("", t::target::folder_root());
            std::iter::once(root).chain(inside.map(|f| Choice::new(&f.id, &f.path))).collect::<Vec<_>>()
        })
    });
    let formats = Signal::derive(|| FORMATS.map(|f| Choice::new(format_word(f), format_words(f))).to_vec());
    let value = move |of: fn(&Target) -> Option<String>| {
        Signal::derive(move || target.with(|target| of(target).unwrap_or_default()))
    };
    view! {
        <div class="hdm-fields">
            <MendedSelect
                id=format!("{prefix}-cluster")
                label=t::target::cluster()
                value=value(|target| target.cluster.clone())
                choices=Signal::stored(clusters)
                on_choice=move |id: String| {
                    let found = offer
                        .with_value(|offer| {
                            cluster(offer, Some(&id))
                                .map(|cluster| target_in(offer, cluster, &target.get_untracked()))
                        });
                    if let Some(target) = found {
                        on_change.run(target);
                    }
                }
                wrong=at("cluster")
            />
            <MendedSelect
                id=format!("{prefix}-datastore")
                label=t::target::datastore()
                value=value(|target| target.datastore.clone())
                choices=datastores
                on_choice=move |id: String| change(&|target| target.datastore = some(id.clone()))
                wrong=at("datastore")
            />
            <MendedSelect
                id=format!("{prefix}-pool")
                label=t::target::pool()
                value=value(|target| target.pool.clone())
                choices=pools
                on_choice=move |id: String| change(&|target| target.pool = some(id.clone()))
                wrong=at("pool")
            />
            <MendedSelect
                id=format!("{prefix}-folder")
                label=t::target::folder()
                value=value(|target| target.folder.clone())
                choices=folders
                on_choice=move |id: String| change(&|target| target.folder = some(id.clone()))
                wrong=at("folder")
            />
            <Select
                id=format!("{prefix}-disk")
                label=t::target::disk()
                value=value(|target| Some(format_word(target.disk_format.unwrap_or_default()).to_owned()))
                choices=formats
                on_choice=move |word: String| change(&|target| target.disk_format = format_of(&word))
            />
        </div>
    }
}

const FORMATS: [DiskFormat; 4] = [DiskFormat::Same, DiskFormat::Thin, DiskFormat::Thick, DiskFormat::Eager];

fn format_word(format: DiskFormat) -> &'static str {
    match format {
        DiskFormat::Same => "same",
        DiskFormat::Thin => "thin",
        DiskFormat::Thick => "thick",
        DiskFormat::Eager => "eager",
    }
}

fn format_of(word: &str) -> Option<DiskFormat> {
    FORMATS.into_iter().find(|format| format_word(*format) == word)
}

/// A disk's allocation in words.
pub fn format_words(format: DiskFormat) -> &'static str {
    match format {
        DiskFormat::Same => t::target::disk_same(),
        DiskFormat::Thin => t::target::disk_thin(),
        DiskFormat::Thick => t::target::disk_thick(),
        DiskFormat::Eager => t::target::disk_eager(),
    }
}
