//! Whatever somebody pastes: see `hdm_wave::fuzz`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| hdm_wave::fuzz::wave(data));
