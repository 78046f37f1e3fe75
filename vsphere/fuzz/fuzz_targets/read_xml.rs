//! Whatever a vCenter, or somebody in its place, answers: the reader of XML returns, and never panics.
#![no_main]

libfuzzer_sys::fuzz_target!(|text: &str| {
    hdm_vsphere::fuzz_read_xml(text);
});
