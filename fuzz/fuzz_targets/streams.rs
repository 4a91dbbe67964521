#![no_main]

use std::sync::LazyLock;

use cliproxy_fuzz::targets;
use cliproxy_translator::registry::Registry;

static REGISTRY: LazyLock<Registry> = LazyLock::new(Registry::with_builtin);

libfuzzer_sys::fuzz_target!(|data: &[u8]| targets::fuzz_streams(&REGISTRY, data));
