//! Comma-separated values (RFC 4180).

/// A table as CSV. Begins with a byte order mark, without which spreadsheets take UTF-8 for something else.
pub fn csv(header: &[&str], rows: impl IntoIterator<Item = Vec<String>>) -> String {
    let mut out = String::from('\u{feff}');
    line(&mut out, header.iter().copied());
    for row in rows {
        line(&mut out, row.iter().map(String::as_str));
    }
    out
}

fn line<'a>(out: &mut String, cells: impl Iterator<Item = &'a str>) {
    for (at, cell) in cells.enumerate() {
        if at > 0 {
            out.push(',');
        }
        out.push_str(&field(cell));
    }
    out.push_str("\r\n");
}

/// One field. A text that a spreadsheet would take for a formula is kept from being one: names of virtual
/// machines are given by others.
fn field(text: &str) -> String {
    let formula = text.starts_with(['=', '+', '-', '@', '\t', '\r']) && !is_number(text);
    let safe = if formula { format!("'{text}") } else { text.to_owned() };
    if safe.contains([',', '"', '\n', '\r', '\'']) {
        format!("\"{}\"", safe.replace('"', "\"\""))
    } else {
        safe
    }
}

/// Whether it is digits with a sign and a point at most: asking the language's own reader of numbers would bring its
/// tables into the program, ten kilobytes that a browser fetches.
fn is_number(text: &str) -> bool {
    let digits = text.trim_start_matches(['+', '-']);
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, "0"));
    let all_digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    text.len() - digits.len() <= 1 && all_digits(whole) && all_digits(fraction)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commas_quotes_and_line_ends_are_quoted() {
        let text = csv(&["VM", "Note"], [vec!["a,b".into(), "say \"x\"\ny".into()]]);
        assert_eq!(text, "\u{feff}VM,Note\r\n\"a,b\",\"say \"\"x\"\"\ny\"\r\n");
    }

    #[test]
    fn a_name_never_becomes_a_formula_and_a_number_stays_one() {
        assert_eq!(field("=HYPERLINK(1)"), "\"'=HYPERLINK(1)\"");
        assert_eq!(field("-3.5"), "-3.5");
        assert_eq!(field("+12"), "+12");
        for formula in ["--1", "-1.2.3", "-", "-.", "-1e5", "+SUM(1)"] {
            assert!(field(formula).starts_with("\"'"), "{formula}");
        }
    }
}
