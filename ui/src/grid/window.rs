//! Which rows are in the document.

use std::ops::Range;

use super::ROW_PX;

/// How many rows more than are seen, above and below.
const MARGIN: usize = 6;

/// The indices of the rows to be drawn.
#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "scroll positions are small, and negative ones are cut off first"
)]
pub fn drawn(scroll_top_px: f64, height_px: f64, rows: usize) -> Range<usize> {
    let first = (scroll_top_px.max(0.0) / ROW_PX) as usize;
    let count = (height_px.max(0.0) / ROW_PX).ceil() as usize + 1;
    let end = (first + count + MARGIN).min(rows);
    first.saturating_sub(MARGIN).min(end)..end
}

/// Where to scroll so that a row is seen; `None` if it is.
#[allow(clippy::cast_precision_loss, reason = "row numbers are small")]
pub fn reveal(row: usize, scroll_top_px: f64, height_px: f64) -> Option<f64> {
    let top = row as f64 * ROW_PX;
    if top < scroll_top_px {
        Some(top)
    } else if top + ROW_PX > scroll_top_px + height_px {
        Some((top + ROW_PX - height_px).max(0.0))
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_of_many_rows_are_drawn_wherever_the_table_stands() {
        assert_eq!(drawn(0.0, 360.0, 10_000), 0..17);
        assert_eq!(drawn(180_000.0, 360.0, 10_000), 4_994..5_017);
        assert_eq!(drawn(1e9, 360.0, 10_000), 10_000..10_000);
        assert_eq!(drawn(0.0, 360.0, 0), 0..0);
        assert_eq!(drawn(-20.0, 0.0, 5), 0..5);
    }

    #[test]
    fn a_row_is_brought_into_view_by_the_shortest_way() {
        assert_eq!(reveal(0, 72.0, 360.0), Some(0.0));
        assert_eq!(reveal(5, 72.0, 360.0), None);
        assert_eq!(reveal(20, 72.0, 360.0), Some(21.0 * 36.0 - 360.0));
    }
}
