#![no_main]

use cliproxy_auth_store::fuzz;

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzz::fuzz_credential_file(data));
