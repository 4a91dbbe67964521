#![no_main]

use cliproxy_fuzz::config;

libfuzzer_sys::fuzz_target!(|data: &[u8]| config::fuzz_dotenv(data));
