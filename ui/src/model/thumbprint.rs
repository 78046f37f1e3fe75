//! The thumbprint of a certificate that a server presents, in a problem that asks to compare it.

use hdm_shared::problem::Problem;

/// A SHA-256 thumbprint has so many bytes.
const BYTES: usize = 32;

/// The thumbprint that a problem shows, if that is what it is about.
pub fn presented(problem: &Problem) -> Option<String> {
    if !problem.kind.contains("certificate") {
        return None;
    }
    let words = problem.detail.split(|c: char| !c.is_ascii_hexdigit() && c != ':');
    words.map(|word| word.trim_matches(':')).find(|word| is_thumbprint(word)).map(str::to_owned)
}

fn is_thumbprint(word: &str) -> bool {
    let mut bytes = 0;
    word.split(':').all(|byte| {
        bytes += 1;
        byte.len() == 2 && byte.bytes().all(|digit| digit.is_ascii_hexdigit())
    }) && bytes == BYTES
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problem(kind: &str, detail: &str) -> Problem {
        let (kind, detail) = (kind.to_owned(), detail.to_owned());
        Problem { kind, title: "t".into(), status: 422, detail, findings: Vec::new() }
    }

    #[test]
    fn the_thumbprint_is_found_in_the_sentence() {
        let thumbprint = ["AB"; 32].join(":");
        let detail =
            format!("vc.example.org presents a certificate with the thumbprint {thumbprint} (SHA-256).");
        assert_eq!(presented(&problem("urn:hdm:problem:certificate", &detail)), Some(thumbprint));
    }

    #[test]
    fn another_problem_shows_none() {
        let thumbprint = ["AB"; 32].join(":");
        assert_eq!(presented(&problem("urn:hdm:problem:login", &thumbprint)), None);
        assert_eq!(presented(&problem("urn:hdm:problem:certificate", "AB:CD is too short")), None);
    }
}
