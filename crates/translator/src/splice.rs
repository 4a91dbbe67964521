//! Edits of JSON bodies in place, over one scan of the top level.
