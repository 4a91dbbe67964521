#![no_main]

use cliproxy_fuzz::targets;

libfuzzer_sys::fuzz_target!(|data: &[u8]| targets::fuzz_payload(data));
