#![no_main]

use std::sync::LazyLock;

use cliproxy_core::ProviderExecutor;
use cliproxy_fuzz::executors;

static ALL: LazyLock<Vec<Box<dyn ProviderExecutor>>> = LazyLock::new(executors::executors);

libfuzzer_sys::fuzz_target!(|data: &[u8]| executors::fuzz_credential(&ALL, data));
