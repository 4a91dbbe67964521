//! Claude Messages.
