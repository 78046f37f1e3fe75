//! Where a key moves the focus in a table.

/// A cell: row 0 is the header, rows of data begin at 1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cell {
    /// Row, 0 for the header.
    pub row: usize,
    /// Column.
    pub column: usize,
}

/// Where a key leads from a cell; `None` if it is none of the table's keys.
pub fn target(key: &str, ctrl: bool, from: Cell, rows: usize, columns: usize, page: usize) -> Option<Cell> {
    let last_row = rows;
    let last_column = columns.saturating_sub(1);
    let Cell { row, column } = from;
    Some(match (key, ctrl) {
        ("ArrowDown", false) => Cell { row: (row + 1).min(last_row), column },
        ("ArrowUp", false) => Cell { row: row.saturating_sub(1), column },
        ("ArrowRight", false) => Cell { row, column: (column + 1).min(last_column) },
        ("ArrowLeft", false) => Cell { row, column: column.saturating_sub(1) },
        ("PageDown", _) => Cell { row: (row + page.max(1)).min(last_row), column },
        ("PageUp", _) => Cell { row: row.saturating_sub(page.max(1)).max(1).min(last_row), column },
        ("Home", false) => Cell { row, column: 0 },
        ("End", false) => Cell { row, column: last_column },
        ("Home", true) => Cell { row: 1.min(last_row), column: 0 },
        ("End", true) => Cell { row: last_row, column: last_column },
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_stay_inside_the_table() {
        let at = |row, column| Cell { row, column };
        let to = |key, ctrl, from| target(key, ctrl, from, 40, 5, 10);
        assert_eq!(to("ArrowUp", false, at(0, 0)), Some(at(0, 0)));
        assert_eq!(to("ArrowDown", false, at(40, 2)), Some(at(40, 2)));
        assert_eq!(to("PageUp", false, at(3, 2)), Some(at(1, 2)));
        assert_eq!(to("End", true, at(3, 2)), Some(at(40, 4)));
        assert_eq!(to("Home", true, at(3, 2)), Some(at(1, 0)));
        assert_eq!(to("x", false, at(3, 2)), None);
        assert_eq!(target("ArrowDown", false, at(0, 0), 0, 5, 10), Some(at(0, 0)));
    }
}
