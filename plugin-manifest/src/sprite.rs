//! The plug-in's icons, drawn from shapes: a cloud, and a cloud that an arrow points into.
//!
//! The Client cuts tiles of 32 × 32 pixels out of one picture for each theme and shows them at half their
//! size on screens of ordinary density.

/// Side of a tile in pixels.
pub const TILE: u16 = 32;
/// Samples along each axis of a pixel, for smooth edges.
const SAMPLES: u16 = 8;
/// The shapes, from left to right.
const SHAPES: [fn(f32, f32) -> bool; 2] = [cloud, cloud_with_arrow];

/// Which theme a picture is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Theme {
    /// Dark shapes on a light ground.
    Light,
    /// Light shapes on a dark ground.
    Dark,
}

impl Theme {
    fn colour(self) -> [u8; 3] {
        match self {
            Self::Light => [0x45, 0x45, 0x45],
            Self::Dark => [0xe3, 0xe9, 0xed],
        }
    }
}

/// The picture of all tiles side by side, as PNG.
pub fn sprite(theme: Theme) -> Vec<u8> {
    let [red, green, blue] = theme.colour();
    let mut pixels = Vec::new();
    for y in 0..TILE {
        for shape in SHAPES {
            for x in 0..TILE {
                pixels.extend([red, green, blue, coverage(shape, x, y)]);
            }
        }
    }
    encode(u32::from(TILE) * 2, u32::from(TILE), &pixels)
}

/// How much of a pixel a shape covers: 0 to 255.
fn coverage(shape: fn(f32, f32) -> bool, x: u16, y: u16) -> u8 {
    let at = |pixel: u16, sample: u16| f32::from(pixel) + (f32::from(sample) + 0.5) / f32::from(SAMPLES);
    let mut inside = 0;
    for dy in 0..SAMPLES {
        for dx in 0..SAMPLES {
            inside += u16::from(shape(at(x, dx), at(y, dy)));
        }
    }
    u8::try_from(u32::from(inside) * 255 / u32::from(SAMPLES * SAMPLES)).unwrap_or(u8::MAX)
}

fn within(x: f32, y: f32, centre: (f32, f32), radius: f32) -> bool {
    (x - centre.0).hypot(y - centre.1) <= radius
}

/// The cloud, grown by so many pixels.
fn filled(x: f32, y: f32, grown: f32) -> bool {
    let bottom = 24.0 + grown;
    (y <= bottom)
        && (within(x, y, (9.0, 18.5), 5.5 + grown)
            || within(x, y, (15.5, 13.5), 7.5 + grown)
            || within(x, y, (23.5, 18.0), 6.0 + grown)
            || ((9.0..=23.5).contains(&x) && (18.0..=bottom).contains(&y)))
}

/// Its outline.
fn cloud(x: f32, y: f32) -> bool {
    filled(x, y, 1.0) && !filled(x, y, -1.2)
}

fn arrow(x: f32, y: f32, grown: f32) -> bool {
    let stem = (x - 16.0).abs() <= 1.2 + grown && (15.0 - grown..=29.5 + grown).contains(&y);
    let head = y >= 13.0 - grown && y <= 19.0 + grown && {
        let slope = (x - 16.0).abs() - (y - 13.0);
        slope.abs() <= 1.7 + grown * 1.4
    };
    stem || head
}

/// The same with an arrow into it, which has some room around it.
fn cloud_with_arrow(x: f32, y: f32) -> bool {
    (cloud(x, y) && !arrow(x, y, 1.5)) || arrow(x, y, 0.0)
}

fn encode(width: u32, height: u32, pixels: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut encoder = png::Encoder::new(&mut out, width, height);
    encoder.set_color(png::ColorType::Rgba);
    encoder.set_depth(png::BitDepth::Eight);
    // Writing to memory fails for no picture of this size.
    if let Ok(mut writer) = encoder.write_header() {
        let _ = writer.write_image_data(pixels);
    }
    out
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn both_themes_have_two_tiles_that_are_neither_empty_nor_full() {
        for theme in [Theme::Light, Theme::Dark] {
            let bytes = sprite(theme);
            let mut reader = png::Decoder::new(std::io::Cursor::new(bytes)).read_info().unwrap();
            let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
            let info = reader.next_frame(&mut pixels).unwrap();
            assert_eq!((info.width, info.height), (2 * u32::from(TILE), u32::from(TILE)));
            for tile in 0..2 {
                let column = |n: usize| (n % (2 * usize::from(TILE))) / usize::from(TILE);
                let alphas =
                    pixels.chunks(4).enumerate().filter(|(n, _)| column(*n) == tile).map(|(_, p)| p[3]);
                let covered = alphas.filter(|alpha| *alpha > 127).count();
                assert!((60..500).contains(&covered), "tile {tile} of {theme:?} covers {covered} pixels");
            }
        }
    }
}
