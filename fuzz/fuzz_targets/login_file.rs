#![no_main]

use cliproxy_login::fuzz;

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzz::fuzz_login_file(data));
