#![no_main]

use cliproxy_transport::oauth::fuzz;

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzz::fuzz_token_reply(data));
