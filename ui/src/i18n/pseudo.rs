//! The pseudo-language: English with accents and 40 % longer.

use super::Entry;

/// An English text as the pseudo-language has it.
pub fn entry(entry: Entry) -> Entry {
    match entry {
        Entry::Plain(text) => Entry::Plain(lengthen(&text)),
        Entry::Plural(forms) => {
            Entry::Plural(forms.into_iter().map(|(category, text)| (category, lengthen(&text))).collect())
        }
    }
}

fn lengthen(text: &str) -> String {
    let mut out = String::from("[");
    let mut in_argument = false;
    for c in text.chars() {
        in_argument = (in_argument || c == '{') && c != '}';
        out.push(if in_argument { c } else { accent(c) });
    }
    let more = text.chars().count() * 2 / 5;
    for at in 0..more {
        // Blanks let it wrap where a real language could.
        out.push(if at % 8 == 0 { ' ' } else { '·' });
    }
    out.push(']');
    out
}

fn accent(c: char) -> char {
    match c {
        'a' => 'á',
        'e' => 'ê',
        'i' => 'ï',
        'o' => 'ö',
        'u' => 'ü',
        'n' => 'ñ',
        'c' => 'ç',
        'A' => 'Å',
        'E' => 'É',
        'O' => 'Ø',
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_survive_and_the_text_is_longer_by_two_fifths() {
        let longer = lengthen("Cancel {name} now, please");
        assert!(longer.contains("{name}"), "{longer}");
        assert!(longer.chars().count() >= 25 * 7 / 5, "{longer}");
    }
}
