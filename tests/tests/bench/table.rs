//! Values as people read them.

/// Several values of one thing.
#[derive(Clone, Debug, Default)]
pub struct Values(Vec<f64>);

impl Values {
    /// Adds one.
    pub fn add(&mut self, value: f64) {
        self.0.push(value);
    }

    /// The middle one.
    pub fn middle(&self) -> f64 {
        self.sorted().get(self.0.len() / 2).copied().unwrap_or(f64::NAN)
    }

    /// The middle one, with the least and the greatest.
    pub fn shown(&self, digits: usize) -> String {
        let sorted = self.sorted();
        let (Some(least), Some(most)) = (sorted.first(), sorted.last()) else { return "–".into() };
        format!("{:.digits$} ({least:.digits$}–{most:.digits$})", self.middle())
    }

    /// Each divided by the other's of the same round.
    pub fn by(&self, other: &Self) -> Self {
        Self(self.0.iter().zip(&other.0).map(|(one, other)| one / other).collect())
    }

    fn sorted(&self) -> Vec<f64> {
        let mut sorted = self.0.clone();
        sorted.sort_by(f64::total_cmp);
        sorted
    }
}

/// What was to be reached, and what was.
#[derive(Debug, Default)]
pub struct Goals(Vec<(String, String, bool)>);

impl Goals {
    /// A value that must be at least so much.
    pub fn at_least(&mut self, goal: &str, least: f64, values: &Values) {
        self.0.push((format!("{goal}: at least {least}"), values.shown(2), values.middle() >= least));
    }

    /// A value that must be at most so much.
    pub fn at_most(&mut self, goal: &str, most: f64, unit: &str, values: &Values) {
        let digits = if most < 10.0 { 2 } else { 0 };
        let unit = if unit.is_empty() { String::new() } else { format!(" {unit}") };
        let measured = format!("{}{unit}", values.shown(digits));
        self.0.push((format!("{goal}: at most {most}{unit}"), measured, values.middle() <= most));
    }

    /// Prints them all.
    pub fn print(&self) {
        println!("\n### Goals");
        head(&["Goal", "Measured", ""]);
        for (goal, measured, met) in &self.0 {
            row(&[goal.as_str(), measured, if *met { "**met**" } else { "**missed**" }]);
        }
    }
}

/// Prints the head of a table.
pub fn head(columns: &[&str]) {
    println!("\n| {} |", columns.join(" | "));
    println!("|{}", "---|".repeat(columns.len()));
}

/// Prints a row.
pub fn row<T: AsRef<str>>(cells: &[T]) {
    println!("| {} |", cells.iter().map(AsRef::as_ref).collect::<Vec<_>>().join(" | "));
}
