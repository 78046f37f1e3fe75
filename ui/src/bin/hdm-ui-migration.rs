//! The program of the views of a cluster and of a VM.

fn main() {
    hdm_ui::programs::migration();
}
