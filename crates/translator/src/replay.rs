//! Plays a whole reply as a stream.
