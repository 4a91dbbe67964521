//! The codecs: one folder a format.

pub mod chat;
pub mod claude;
pub mod gemini;
pub mod kiro;
pub mod responses;
