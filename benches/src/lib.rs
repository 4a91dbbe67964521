#![doc = include_str!("../README.md")]

pub mod bodies;
pub mod callgrind;
pub mod format;
pub mod replies;
