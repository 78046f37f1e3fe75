//! The program that the browser runs.

fn main() {
    hdm_ui::start();
}
