//! Texts in the languages that the vSphere Client speaks.

/// One text in all languages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Text {
    /// English; what is shown for every language not named here.
    pub en: &'static str,
    /// German.
    pub de: &'static str,
    /// Spanish.
    pub es: &'static str,
    /// French.
    pub fr: &'static str,
    /// Japanese.
    pub ja: &'static str,
}

/// A language.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Language {
    /// English.
    En,
    /// German.
    De,
    /// Spanish.
    Es,
    /// French.
    Fr,
    /// Japanese.
    Ja,
}

impl Language {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::En, Self::De, Self::Es, Self::Fr, Self::Ja];

    /// As a manifest names it: language and region.
    pub fn locale(self) -> &'static str {
        match self {
            Self::En => "en-US",
            Self::De => "de-DE",
            Self::Es => "es-ES",
            Self::Fr => "fr-FR",
            Self::Ja => "ja-JP",
        }
    }

    /// As an extension's resources name it: the language alone.
    pub fn code(self) -> &'static str {
        &self.locale()[..2]
    }
}

impl Text {
    /// A name that is the same everywhere.
    pub const fn same(text: &'static str) -> Self {
        Self { en: text, de: text, es: text, fr: text, ja: text }
    }

    /// The text in a language.
    pub fn of(&self, language: Language) -> &'static str {
        match language {
            Language::En => self.en,
            Language::De => self.de,
            Language::Es => self.es,
            Language::Fr => self.fr,
            Language::Ja => self.ja,
        }
    }
}

/// The product's name.
pub const NAME: Text = Text::same("HDM");
/// The view of a cluster's migrations, and of a VM's.
pub const MIGRATION: Text =
    Text { en: "Migration", de: "Migration", es: "Migración", fr: "Migration", ja: "移行" };
/// The action, and the title of its wizard.
pub const MIGRATE: Text = Text { en: "Migrate", de: "Migrieren", es: "Migrar", fr: "Migrer", ja: "移行" };
/// What a screen reader says when the wizard opens.
pub const MIGRATE_WIZARD: Text = Text {
    en: "Migrate virtual machines to a cloud",
    de: "Virtuelle Maschinen in eine Cloud migrieren",
    es: "Migrar máquinas virtuales a una nube",
    fr: "Migrer des machines virtuelles vers un cloud",
    ja: "仮想マシンをクラウドに移行",
};
/// What HDM is, in a sentence.
pub const SUMMARY: Text = Text {
    en: "Moves virtual machines from an on-premises vCenter to a cloud vCenter.",
    de: "Verschiebt virtuelle Maschinen von einem lokalen vCenter in ein Cloud-vCenter.",
    es: "Traslada máquinas virtuales de un vCenter local a un vCenter en la nube.",
    fr: "Déplace des machines virtuelles d'un vCenter sur site vers un vCenter dans le cloud.",
    ja: "オンプレミスの vCenter からクラウドの vCenter へ仮想マシンを移動します。",
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_language_has_a_locale_and_a_code() {
        assert_eq!(Language::ALL.map(Language::code), ["en", "de", "es", "fr", "ja"]);
    }
}
