//! The allocator.
//!
//! On Linux mimalloc takes the place of the C library's `malloc`, which is what Rust's own allocator calls. Asked in
//! that way it need not look at the alignment: Rust's interface for allocators names one for each block, and mimalloc
//! then takes a longer way for most sizes, which made up a twentieth of a small request.

/// Elsewhere the C names cannot be replaced in this way.
#[cfg(not(target_os = "linux"))]
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Its version, as mimalloc writes it. To ask is also what makes the linker take mimalloc in.
pub(crate) fn version() -> u32 {
    mimalloc::MiMalloc.version()
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::hint::black_box;

    #[test]
    fn what_rust_allocates_is_mimallocs() {
        let committed = || {
            let told = mimalloc::MiMalloc::stats_json().unwrap();
            let told = told.to_str().unwrap().to_owned();
            let (_, rest) = told.split_once("\"committed\"").unwrap();
            let (_, rest) = rest.split_once("\"current\":").unwrap();
            rest.trim_start().split(|c: char| !c.is_ascii_digit()).next().unwrap().parse::<u64>().unwrap()
        };
        let before = committed();
        let kept = black_box(vec![1_u8; 64 << 20]);
        assert!(committed() >= before + (64 << 20), "{} bytes are somewhere else", kept.len());
    }
}
