//! Taking out of the appliance's texts what this user must not read.
//!
//! The appliance answers with the rights of its own account, and some of its findings name other objects to
//! be helpful: which names are alike. To somebody who may see one folder only
//! these names are secret, so these findings say the same without them.

use std::collections::BTreeMap;

use hdm_shared::migration::Plan;
use hdm_shared::problem::{Finding, Problem};

use crate::problem::Failure;

/// Knows how the page named what it asked about.
#[derive(Debug, Default)]
pub struct Scrub {
    /// From the name that was sent to the appliance to the page's.
    names: BTreeMap<String, String>,
}

impl Scrub {
    /// For a request whose VMs were renamed.
    pub fn new(names: BTreeMap<String, String>) -> Self {
        Self { names }
    }

    /// Cleans a plan.
    pub fn plan(&self, plan: &mut Plan) {
        for vm in &mut plan.vms {
            vm.asked = self.page_name(&vm.asked);
            self.findings(&mut vm.findings);
        }
    }

    /// Cleans findings.
    pub fn findings(&self, findings: &mut [Finding]) {
        for finding in findings {
            finding.object = self.page_name(&finding.object);
            if let Some(message) = neutral(&finding.code, &finding.object) {
                finding.message = message;
            }
        }
    }

    /// Cleans a failure.
    pub fn failure(&self, mut failure: Failure) -> Failure {
        self.problem(&mut failure.problem);
        failure
    }

    /// Cleans what the appliance tells of a request that it refused.
    pub fn problem(&self, problem: &mut Problem) {
        self.findings(&mut problem.findings);
        for (sent, page) in &self.names {
            problem.detail = problem.detail.replace(sent, page);
        }
    }

    fn page_name(&self, name: &str) -> String {
        self.names.get(name).cloned().unwrap_or_else(|| name.to_owned())
    }
}

/// What to say instead of a finding that would name other objects.
fn neutral(code: &str, object: &str) -> Option<String> {
    Some(match code {
        "vm-unknown" => format!("HDM does not know a virtual machine '{object}'."),
        "vm-ambiguous" => format!("'{object}' may mean more than one virtual machine."),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_finding_that_names_another_vm_names_it_no_more() {
        let scrub = Scrub::new([("onprem:vm-1".into(), "vm-1".into())].into());
        let mut findings = [
            Finding::blocker("vm-unknown", "onprem:vm-1", "Did you mean 'secret'?", "Check."),
            Finding::blocker("template", "web", "'web' is a template.", "Convert it."),
        ];
        scrub.findings(&mut findings);
        assert!(findings.iter().all(|finding| !finding.message.contains("secret")), "{findings:?}");
        assert_eq!(
            (findings[0].object.as_str(), findings[1].message.as_str()),
            ("vm-1", "'web' is a template.")
        );
    }
}
