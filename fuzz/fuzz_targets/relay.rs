#![no_main]

use cliproxy_relay::fuzz;

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzz::fuzz_message(data));
