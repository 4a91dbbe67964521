#![no_main]

use cliproxy_http::fuzz;

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzz::fuzz_path(data));
