//! Stream framing: bytes, cut anywhere, to frames.
