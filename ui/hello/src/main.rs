//! The least that a page made with Leptos can be: what the first view of HDM is measured against.

use leptos::prelude::*;

fn main() {
    mount_to_body(|| view! { <p id="hello">"Hello, world"</p> });
}
