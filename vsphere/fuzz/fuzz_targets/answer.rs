//! Whatever a vCenter, or somebody in its place, answers: see `hdm_vsphere::fuzz`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| hdm_vsphere::fuzz::answer(data));
