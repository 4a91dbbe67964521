#![doc = include_str!("../README.md")]

mod durable;
mod file_store;
#[cfg(any(test, fuzzing))]
pub mod fuzz;
mod in_place;
mod index;
mod key_spec;
mod lock;
mod merge;
mod name;
mod normalize;
mod reading;
mod request_scoped;
mod stable_id;
mod text;
mod walk;

pub use durable::{probe_shared as probe_file, replace_shared as replace_file};
pub use file_store::FileStore;
pub use in_place::recover as recover_file;
pub use index::credential_index;
pub use key_spec::KeySpec;
pub use normalize::{normalize_aliases, normalize_excluded_models, normalize_headers, normalize_prefix};
pub use reading::{Reading, read_credential};
pub use stable_id::StableIds;
