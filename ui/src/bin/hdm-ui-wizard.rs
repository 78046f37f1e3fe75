//! The program of the Migrate wizard.

fn main() {
    hdm_ui::programs::wizard();
}
