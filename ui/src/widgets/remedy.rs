//! The way out of a finding, in the words of the pages.

use hdm_shared::problem::Finding;

use crate::i18n::t;

/// What to do about a finding. Where the appliance names an option of the command line, the page names its own place.
pub fn remedy(finding: &Finding) -> String {
    let words = match finding.code.as_str() {
        "network-unmapped" => t::remedy::network(),
        "mac-in-use" | "mac-reserved" => t::remedy::mac(),
        "name-taken" | "name-reserved" => t::remedy::name(),
        "already-moving" => t::remedy::moving(),
        "powered-on" => t::remedy::running(),
        _ => return finding.remedy.replace(" (--rename)", ""),
    };
    words.to_owned()
}
