//! The languages there are.

/// A language of the pages.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Language {
    /// English, and whatever language there is no file for.
    #[default]
    English,
    /// German.
    German,
    /// Spanish.
    Spanish,
    /// French.
    French,
    /// Japanese.
    Japanese,
    /// English made longer and accented, to see that nothing is clipped and nothing was forgotten.
    Pseudo,
}

impl Language {
    /// The language of a locale such as `de-AT`: the region does not matter.
    pub fn of_locale(locale: &str) -> Self {
        match locale.split(['-', '_']).next().unwrap_or_default().to_ascii_lowercase().as_str() {
            "de" => Self::German,
            "es" => Self::Spanish,
            "fr" => Self::French,
            "ja" => Self::Japanese,
            "xx" | "qps" => Self::Pseudo,
            _ => Self::English,
        }
    }

    /// Its code (BCP 47), for `lang` and for `Intl`.
    pub fn code(self) -> &'static str {
        match self {
            Self::English | Self::Pseudo => "en",
            Self::German => "de",
            Self::Spanish => "es",
            Self::French => "fr",
            Self::Japanese => "ja",
        }
    }

    /// The file with its texts, relative to the page; `None` if the program has them.
    pub fn file(self) -> Option<String> {
        match self {
            Self::English | Self::Pseudo => None,
            other => Some(format!("locales/{}.json?v={}", other.code(), env!("CARGO_PKG_VERSION"))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_region_does_not_matter_and_the_unknown_is_english() {
        assert_eq!(Language::of_locale("de-AT"), Language::German);
        assert_eq!(Language::of_locale("fr_CA"), Language::French);
        assert_eq!(Language::of_locale("ko-KR"), Language::English);
        assert_eq!(Language::of_locale(""), Language::English);
    }
}
