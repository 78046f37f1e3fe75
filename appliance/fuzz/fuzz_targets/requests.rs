//! Whatever is asked of the appliance's API: see `hdm_appliance::fuzz`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| hdm_appliance::fuzz::requests(data));
