//! Gemini CLI's backend (Google Code Assist), with a Google login. Source: providers-a.md 5.
//!
//! | | |
//! |---|---|
//! | calls | `POST {api}/v1internal:{generateContent,streamGenerateContent?alt=sse,countTokens}` |
//! | credential | a bearer token, renewed with Gemini CLI's OAuth client; `project_id`, several behind commas |
//! | models | built in |
//! | limits | 429 with Google's details; with several projects the next one is tried first |

mod executor;

pub use executor::GeminiCliExecutor;
