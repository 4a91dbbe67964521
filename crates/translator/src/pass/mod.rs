//! Passes that every encoder shares.
