//! Whatever vCenters and hosts tell of a transfer and of the registration: see `hdm_appliance::fuzz`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| hdm_appliance::fuzz::told(data));
