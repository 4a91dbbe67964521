//! What Google's key services share: the reading of failures, hygiene of bodies, and the models of the family.
//! Source: providers-a.md 4, 5.6, 6.

pub(crate) mod body;
pub(crate) mod error;
pub(crate) mod models;
pub(crate) mod request;
