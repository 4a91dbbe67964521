#![no_main]

use cliproxy_transport::fuzz;

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzz::fuzz_coding(data));
