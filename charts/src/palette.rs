//! Colours.

use hdm_shared::display::ChartState;

/// Red, green, blue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Colour(pub u8, pub u8, pub u8);

impl Colour {
    /// As CSS writes it.
    pub fn css(self) -> String {
        format!("#{:02x}{:02x}{:02x}", self.0, self.1, self.2)
    }

    pub(crate) fn plotters(self) -> plotters::style::RGBColor {
        plotters::style::RGBColor(self.0, self.1, self.2)
    }
}

/// Which of the vSphere Client's themes is drawn for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Theme {
    /// Dark on light.
    #[default]
    Light,
    /// Light on dark.
    Dark,
}

/// Colours for a theme. Each stands out from the background by at least 3 : 1 (WCAG 2.1, 1.4.11), and
/// neighbours in the legend differ in lightness, so that the chart can be read without seeing hues.
#[derive(Clone, Copy, Debug)]
pub struct Palette {
    theme: Theme,
}

impl Palette {
    /// The palette of a theme.
    pub fn of(theme: Theme) -> Self {
        Self { theme }
    }

    fn pick(self, light: Colour, dark: Colour) -> Colour {
        match self.theme {
            Theme::Light => light,
            Theme::Dark => dark,
        }
    }

    /// What is behind the chart.
    pub fn background(self) -> Colour {
        self.pick(Colour(0xff, 0xff, 0xff), Colour(0x21, 0x33, 0x3b))
    }

    /// A ring without data.
    pub fn nothing(self) -> Colour {
        self.pick(Colour(0x8c, 0x8c, 0x8c), Colour(0x8a, 0x99, 0xa0))
    }

    /// Lines behind the data.
    pub fn grid(self) -> Colour {
        self.pick(Colour(0xde, 0xde, 0xde), Colour(0x3d, 0x50, 0x59))
    }

    /// A state of migrations.
    pub fn state(self, state: ChartState) -> Colour {
        match state {
            ChartState::NeedsOperator => self.pick(Colour(0xa3, 0x21, 0x00), Colour(0xff, 0x8f, 0x73)),
            ChartState::Failed => self.pick(Colour(0xe0, 0x3a, 0x10), Colour(0xf5, 0x4f, 0x47)),
            ChartState::Migrating => self.pick(Colour(0x00, 0x4a, 0x70), Colour(0x89, 0xcb, 0xdf)),
            ChartState::Transferring => self.pick(Colour(0x0b, 0x84, 0xb8), Colour(0x38, 0xa6, 0xd8)),
            ChartState::Waiting => self.pick(Colour(0x8a, 0x5a, 0x00), Colour(0xf2, 0xc0, 0x3d)),
            ChartState::Unwinding => self.pick(Colour(0xb8, 0x77, 0x0a), Colour(0xd0, 0x85, 0x1f)),
            ChartState::Queued => self.pick(Colour(0x5d, 0x4c, 0xa8), Colour(0xb9, 0xa6, 0xf5)),
            ChartState::Paused => self.pick(Colour(0x7d, 0x7d, 0x8d), Colour(0x94, 0xa2, 0xad)),
            ChartState::Migrated => self.pick(Colour(0x2f, 0x84, 0x00), Colour(0x60, 0xb5, 0x15)),
        }
    }

    /// CPU in use.
    pub fn cpu(self) -> Colour {
        self.pick(Colour(0xc2, 0x4d, 0x00), Colour(0xff, 0xa1, 0x4d))
    }

    /// Memory in use.
    pub fn memory(self) -> Colour {
        self.pick(Colour(0x0b, 0x84, 0xb8), Colour(0x49, 0xaf, 0xd9))
    }

    /// The threshold.
    pub fn threshold(self) -> Colour {
        self.pick(Colour(0xa3, 0x21, 0x00), Colour(0xf5, 0x6f, 0x67))
    }

    /// VMs moved.
    pub fn moved(self) -> Colour {
        self.pick(Colour(0x2f, 0x84, 0x00), Colour(0x60, 0xb5, 0x15))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Relative luminance (WCAG 2.1).
    fn luminance(colour: Colour) -> f64 {
        let part = |value: u8| {
            let value = f64::from(value) / 255.0;
            if value <= 0.04045 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) }
        };
        0.2126 * part(colour.0) + 0.7152 * part(colour.1) + 0.0722 * part(colour.2)
    }

    fn contrast(a: Colour, b: Colour) -> f64 {
        let (a, b) = (luminance(a), luminance(b));
        (a.max(b) + 0.05) / (a.min(b) + 0.05)
    }

    #[test]
    fn every_colour_stands_out_from_its_background() {
        for theme in [Theme::Light, Theme::Dark] {
            let palette = Palette::of(theme);
            let mut colours: Vec<Colour> = ChartState::ALL.map(|state| palette.state(state)).to_vec();
            let others =
                [palette.cpu(), palette.memory(), palette.threshold(), palette.moved(), palette.nothing()];
            colours.extend(others);
            for colour in colours {
                let ratio = contrast(colour, palette.background());
                assert!(ratio >= 3.0, "{theme:?} {colour:?} {ratio:.2}");
            }
        }
    }
}
