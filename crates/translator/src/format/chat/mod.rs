//! OpenAI Chat Completions, and legacy completions as a profile of it.
