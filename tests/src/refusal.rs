//! Refusals, as a script sees them: exit code 3 and a problem document whose findings have codes.

use serde_json::Value;

use crate::Outcome;

/// What the command line says with `-o json` when a request is refused: the problem document.
pub fn problem(outcome: &Outcome) -> Value {
    assert_eq!(outcome.code, 3, "it must be refused: {outcome:?}");
    let problem: Value = serde_json::from_str(&outcome.stderr)
        .unwrap_or_else(|e| panic!("{e}: no problem document in {outcome:?}"));
    let detail = problem["detail"].as_str().unwrap_or_else(|| panic!("no detail in {problem}"));
    assert!(detail.ends_with('.'), "not a sentence: {detail}");
    problem
}

/// Sees that a request was refused for exactly these reasons: code and object of each, in any order. Each must
/// be a sentence and name a way out.
pub fn refused(outcome: &Outcome, expected: &[(&str, &str)]) -> Value {
    let problem = problem(outcome);
    let findings = problem["findings"].as_array().cloned().unwrap_or_default();
    let mut found: Vec<(&str, &str)> = findings
        .iter()
        .map(|finding| (finding["code"].as_str().unwrap(), finding["object"].as_str().unwrap()))
        .collect();
    let mut expected = expected.to_vec();
    found.sort_unstable();
    expected.sort_unstable();
    assert_eq!(found, expected, "{problem:#}");
    for finding in &findings {
        for part in ["message", "remedy"] {
            let text = finding[part].as_str().unwrap();
            assert!(text.len() > 10 && text.ends_with('.'), "{part} is no sentence: {finding}");
        }
        assert_eq!(finding["severity"], "blocker", "{finding}");
    }
    problem
}
