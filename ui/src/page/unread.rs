//! What could not be read, of each vCenter by itself.

use leptos::prelude::*;

use super::live::Live;
use crate::api::{Failure, Guid};
use crate::i18n::t;
use crate::widgets::{Alert, Level};

/// Why something could not be read of some vCenters. What was shown of them before stays.
pub type Unread = RwSignal<Vec<(Guid, Failure)>>;

/// Says so, with the vCenter's name where there are several. What the live data says already is not said twice.
#[component]
pub fn UnreadAlerts(unread: Unread) -> impl IntoView {
    let live = expect_context::<Live>();
    let one = move |(guid, failure): (Guid, Failure)| {
        let told = live.troubles.with(|troubles| troubles.iter().any(|trouble| trouble.guid == guid));
        let words = named(live, &guid, failure.words());
        (!told).then(|| view! { <Alert level=Level::Warning>{words}</Alert> })
    };
    move || unread.get().into_iter().map(one).collect_view()
}

/// A sentence about a vCenter, with its name where there are several.
pub fn named(live: Live, guid: &Guid, words: String) -> String {
    if live.several {
        t::trouble::vcenter(live.rights.with(|rights| rights.name(guid).to_owned()), words)
    } else {
        words
    }
}
