//! A banner.

use leptos::prelude::*;

use super::Icon;

/// How much a banner matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// Worth knowing.
    Info,
    /// Done.
    Success,
    /// Attention.
    Warning,
    /// Failed.
    Danger,
}

impl Level {
    fn class(self) -> &'static str {
        match self {
            Self::Info => "alert alert-info",
            Self::Success => "alert alert-success",
            Self::Warning => "alert alert-warning",
            Self::Danger => "alert alert-danger",
        }
    }

    fn icon(self) -> Icon {
        match self {
            Self::Info => Icon::Info,
            Self::Success => Icon::Check,
            Self::Warning => Icon::Warning,
            Self::Danger => Icon::Error,
        }
    }
}

/// A banner; errors interrupt a screen reader, everything else waits for its turn.
#[component]
pub fn Alert(level: Level, children: Children) -> impl IntoView {
    let role = if level == Level::Danger { "alert" } else { "status" };
    view! {
        <div class=level.class() role=role>
            <div class="alert-items">
                <div class="alert-item static">
                    <div class="alert-icon-wrapper">{level.icon().draw()}</div>
                    <span class="alert-text">{children()}</span>
                </div>
            </div>
        </div>
    }
}
