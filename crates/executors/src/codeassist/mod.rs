//! What the two providers of Google's Code Assist share: accounts and their renewal, projects, envelopes, and calls that
//! go on to the next host or project. Source: providers-a.md 5, 7.

pub(crate) mod account;
pub(crate) mod body;
pub(crate) mod calls;
pub(crate) mod project;
pub(crate) mod request;
