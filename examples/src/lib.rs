#![doc = include_str!("../README.md")]

// The page for embedders: what it shows compiles.
#[cfg(doctest)]
#[doc = include_str!("../../docs/embedding.md")]
struct Embedding;
