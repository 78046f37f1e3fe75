//! Whatever a host sends for a disk: see `hdm_vsphere::fuzz`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| hdm_vsphere::fuzz::disk_stream(data));
