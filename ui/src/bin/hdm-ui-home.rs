//! The program of the global view.

fn main() {
    hdm_ui::programs::home();
}
