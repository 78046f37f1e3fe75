//! Icons of our own drawing, in the colour of the text beside them. They say nothing to a screen reader:
//! what they stand for is said in words.

use leptos::prelude::*;

/// A picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Icon {
    /// Fetch anew.
    Refresh,
    /// Save as a file.
    Download,
    /// More actions.
    Dots,
    /// A chart's menu.
    Bars,
    /// Close.
    Cross,
    /// Done.
    Check,
    /// Attention.
    Warning,
    /// Failed.
    Error,
    /// Worth knowing.
    Info,
    /// Sorted upwards.
    Up,
    /// Sorted downwards.
    Down,
    /// Back.
    Left,
    /// On.
    Right,
    /// A cloud.
    Cloud,
    /// A cluster.
    Cluster,
    /// Columns of a table.
    Columns,
    /// Change something.
    Pencil,
}

impl Icon {
    fn path(self) -> &'static str {
        match self {
            Self::Refresh => "M20 6v5h-5M4 18v-5h5M19 11a8 8 0 0 0-14-3M5 13a8 8 0 0 0 14 3",
            Self::Download => "M12 4v12M7 11l5 5 5-5M5 20h14",
            Self::Dots => {
                "M12 4.5a1 1 0 1 0 0 2a1 1 0 1 0 0-2M12 11a1 1 0 1 0 0 2a1 1 0 1 0 0-2M12 17.5a1 1 0 1 0 0 2a1 1 0 1 0 0-2"
            }
            Self::Bars => "M4 7h16M4 12h16M4 17h16",
            Self::Cross => "M6 6l12 12M18 6L6 18",
            Self::Check => "M5 13l5 5L19 7",
            Self::Warning => "M12 4L2.5 20h19zM12 10v5M12 17.5v.01",
            Self::Error => "M12 3a9 9 0 1 0 0 18a9 9 0 1 0 0-18M12 7v6M12 16.5v.01",
            Self::Info => "M12 3a9 9 0 1 0 0 18a9 9 0 1 0 0-18M12 11v6M12 7.5v.01",
            Self::Up => "M12 19V5M6 11l6-6 6 6",
            Self::Down => "M12 5v14M6 13l6 6 6-6",
            Self::Left => "M15 5l-7 7 7 7",
            Self::Right => "M9 5l7 7-7 7",
            Self::Cloud => "M7 19a4.5 4.5 0 0 1-.4-9A6 6 0 0 1 18 9.2A5 5 0 0 1 17.5 19z",
            Self::Cluster => "M4 8h9v12H4zM13 4h7v16h-7M7 12h3M7 16h3M16 8h1M16 12h1M16 16h1",
            Self::Columns => "M4 5h16v14H4zM9.5 5v14M14.5 5v14",
            Self::Pencil => "M4 20l1-5L16 4l4 4L9 19zM13.5 6.5l4 4",
        }
    }

    /// Draws it.
    pub fn draw(self) -> impl IntoView {
        view! {
            <svg class="hdm-icon" viewBox="0 0 24 24" aria-hidden="true" focusable="false">
                <path d=self.path()></path>
            </svg>
        }
    }
}
