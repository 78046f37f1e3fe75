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
    let formula = text.starts_with(['=', '+', '-', '@', '\t', '\r']) && text.parse::<f64>().is_err();
    let safe = if formula { format!("'{text}") } else { text.to_owned() };
    if safe.contains([',', '"', '\n', '\r', '\'']) {
        format!("\"{}\"", safe.replace('"', "\"\""))
    } else {
        safe
    }
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
    }
}
