//! Sorting and filtering rows.

use std::cmp::Ordering;

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
    /// Words, compared as people do: `web-9` before `web-10`, and without regard to case.
    Text(String),
    /// A number.
    Number(f64),
    /// Nothing: last, whichever way.
    Nothing,
}

impl SortKey {
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

/// Compares text so that numbers within it count as numbers.
pub fn natural(a: &str, b: &str) -> Ordering {
    let (mut a, mut b) = (a.chars().peekable(), b.chars().peekable());
    loop {
        match (a.peek().copied(), b.peek().copied()) {
            (None, None) => return Ordering::Equal,
            (None, _) => return Ordering::Less,
            (_, None) => return Ordering::Greater,
            (Some(x), Some(y)) if x.is_ascii_digit() && y.is_ascii_digit() => {
                let order = number(&mut a).cmp(&number(&mut b));
                if order.is_ne() {
                    return order;
                }
            }
            (Some(x), Some(y)) => {
                let order = x.to_lowercase().cmp(y.to_lowercase());
                if order.is_ne() {
                    return order;
                }
                a.next();
                b.next();
            }
        }
    }
}

/// A run of digits, comparable by value however long it is.
fn number(chars: &mut std::iter::Peekable<std::str::Chars<'_>>) -> (usize, String) {
    let mut digits = String::new();
    while let Some(digit) = chars.next_if(char::is_ascii_digit) {
        if !(digits.is_empty() && digit == '0') {
            digits.push(digit);
        }
    }
    (digits.len(), digits)
}

/// Whether every word of a search is somewhere in a row's text, without regard to case.
pub fn matches(search: &str, texts: &[&str]) -> bool {
    let texts: Vec<String> = texts.iter().map(|text| text.to_lowercase()).collect();
    search.to_lowercase().split_whitespace().all(|word| texts.iter().any(|text| text.contains(word)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_in_names_count_as_numbers() {
        let mut names = ["web-10", "Web-9", "web-009a", "db"];
        names.sort_by(|a, b| natural(a, b));
        assert_eq!(names, ["db", "Web-9", "web-009a", "web-10"]);
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
