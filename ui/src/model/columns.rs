//! Which columns of a table are shown.

/// The columns shown of all there are, in the table's order. The first one always is; what was remembered and
/// is no more is ignored, and without anything remembered all are shown.
pub fn shown<'a>(remembered: Option<&Vec<String>>, all: &[&'a str]) -> Vec<&'a str> {
    let Some(remembered) = remembered else { return all.to_vec() };
    let is_shown = |(at, id): &(usize, &&str)| *at == 0 || remembered.iter().any(|known| known == *id);
    all.iter().enumerate().filter(is_shown).map(|(_, id)| *id).collect()
}

/// What is to be remembered when one column is shown or hidden.
pub fn toggled(remembered: Option<&Vec<String>>, all: &[&str], column: &str) -> Vec<String> {
    let now = shown(remembered, all);
    let after = all.iter().filter(|id| now.contains(id) != (**id == column));
    after.map(|id| (*id).to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [&str; 3] = ["vm", "cloud", "state"];

    #[test]
    fn everything_is_shown_until_something_is_hidden_and_the_first_always() {
        assert_eq!(shown(None, &ALL), ALL);
        let hidden = toggled(None, &ALL, "cloud");
        assert_eq!(shown(Some(&hidden), &ALL), ["vm", "state"]);
        let again = toggled(Some(&hidden), &ALL, "cloud");
        assert_eq!(shown(Some(&again), &ALL), ALL);
        assert_eq!(shown(Some(&vec!["gone".into()]), &ALL), ["vm"]);
    }
}
