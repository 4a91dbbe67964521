//! The codecs: one folder a format.

pub mod claude;
pub mod openai_chat;
