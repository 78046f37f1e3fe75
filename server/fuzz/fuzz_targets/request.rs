//! Whatever is asked of the plugin server: see `hdm_server::fuzz`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| hdm_server::fuzz::request(data));
