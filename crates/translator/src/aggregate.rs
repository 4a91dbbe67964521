//! Folds a stream into a whole reply.
