//! Codecs by name, and the pairs that third parties register.
