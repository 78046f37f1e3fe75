//! Sorting and filtering rows.

use std::cmp::Ordering;

use crate::format::lower;

/// Which way a column is sorted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// Smallest first.
    Ascending,
    /// Largest first.
    Descending,
}

/// By which column a table is sorted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Order {
    /// The column's id.
    pub column: &'static str,
    /// Which way.
    pub direction: Direction,
}

impl Order {
    /// The order after a click on a column's header: another column begins ascending, the same one turns.
    pub fn clicked(current: Option<&Self>, column: &'static str) -> Self {
        let direction = match current {
            Some(order) if order.column == column && order.direction == Direction::Ascending => {
                Direction::Descending
            }
            _ => Direction::Ascending,
        };
        Self { column, direction }
    }
}

/// What a column is sorted by.
#[derive(Clone, Debug, PartialEq)]
pub enum SortKey {
    /// Words in small letters, compared as people do: `web-9` before `web-10`. [`Self::text`] makes it.
    Text(String),
    /// A number.
    Number(f64),
    /// Nothing: last, whichever way.
    Nothing,
}

impl SortKey {
    /// Words.
    pub fn text(words: &str) -> Self {
        Self::Text(lower(words))
    }

    /// Compares two keys; `Nothing` comes last in both directions.
    pub fn compare(&self, other: &Self, direction: Direction) -> Ordering {
        let order = match (self, other) {
            (Self::Nothing, Self::Nothing) => return Ordering::Equal,
            (Self::Nothing, _) => return Ordering::Greater,
            (_, Self::Nothing) => return Ordering::Less,
            (Self::Text(a), Self::Text(b)) => natural(a, b),
            (Self::Number(a), Self::Number(b)) => a.total_cmp(b),
            (Self::Number(_), Self::Text(_)) => Ordering::Less,
            (Self::Text(_), Self::Number(_)) => Ordering::Greater,
        };
        match direction {
            Direction::Ascending => order,
            Direction::Descending => order.reverse(),
        }
    }
}

/// Compares texts in small letters so that numbers within them count as numbers.
pub fn natural(a: &str, b: &str) -> Ordering {
    let (mut a, mut b) = (a.as_bytes(), b.as_bytes());
    loop {
        match (a.first(), b.first()) {
            (None, None) => return Ordering::Equal,
            (None, _) => return Ordering::Less,
            (_, None) => return Ordering::Greater,
            (Some(x), Some(y)) if x.is_ascii_digit() && y.is_ascii_digit() => {
                let (x, y) = (number(&mut a), number(&mut b));
                let order = x.len().cmp(&y.len()).then_with(|| x.cmp(y));
                if order.is_ne() {
                    return order;
                }
            }
            // Bytes of UTF-8 are in the order of their characters.
            (Some(x), Some(y)) if x == y => {
                a = &a[1..];
                b = &b[1..];
            }
            (Some(x), Some(y)) => return x.cmp(y),
        }
    }
}

/// Takes a run of digits off the beginning, without the zeros before it: of two the longer is the greater.
fn number<'a>(text: &mut &'a [u8]) -> &'a [u8] {
    let length = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let (digits, rest) = text.split_at(length);
    *text = rest;
    let zeros = digits.iter().take_while(|digit| **digit == b'0').count();
    &digits[zeros..]
}

/// Whether every word of a search is somewhere in a row's text, without regard to case.
pub fn matches(search: &str, texts: &[&str]) -> bool {
    let search = lower(search);
    let mut words = search.split_whitespace().peekable();
    if words.peek().is_none() {
        return true;
    }
    let texts: Vec<String> = texts.iter().map(|text| lower(text)).collect();
    words.all(|word| texts.iter().any(|text| text.contains(word)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_in_names_count_as_numbers() {
        let mut names = ["web-10", "web-9", "web-009a", "web-0", "db", "é1", "web"];
        names.sort_by(|a, b| natural(a, b));
        assert_eq!(names, ["db", "web", "web-0", "web-9", "web-009a", "web-10", "é1"]);
        assert!(SortKey::text("Web-9").compare(&SortKey::text("web-10"), Direction::Ascending).is_lt());
    }

    #[test]
    fn nothing_is_last_in_both_directions() {
        let number = SortKey::Number(1.0);
        for direction in [Direction::Ascending, Direction::Descending] {
            assert_eq!(SortKey::Nothing.compare(&number, direction), Ordering::Greater);
        }
    }

    #[test]
    fn a_second_click_turns_the_order() {
        let once = Order::clicked(None, "name");
        let twice = Order::clicked(Some(&once), "name");
        assert_eq!((once.direction, twice.direction), (Direction::Ascending, Direction::Descending));
        assert_eq!(Order::clicked(Some(&twice), "state").direction, Direction::Ascending);
    }

    #[test]
    fn every_word_must_be_found_somewhere() {
        assert!(matches("WEB queued", &["web-01", "Queued"]));
        assert!(!matches("web failed", &["web-01", "Queued"]));
        assert!(matches("  ", &[]));
    }
}
