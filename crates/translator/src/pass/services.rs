//! Tools that run at a provider, by what they do: each format has its own name for them. Source: translation.md A.6,
//! B84.

use crate::model::Builtin;
use crate::splice::TopLevel;

/// What a typed tool does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Service {
    /// Searches the web.
    WebSearch,
    /// Reads web pages.
    WebFetch,
    /// Runs code.
    CodeExecution,
}

/// The service of a typed tool; `None` when it is another, or must not reach the web.
#[must_use]
pub fn service_of(tool: &Builtin<'_>) -> Option<Service> {
    let kind: &str = &tool.kind;
    let service = match kind {
        "googleSearch" | "googleSearchRetrieval" | "enterpriseWebSearch" => Service::WebSearch,
        "urlContext" => Service::WebFetch,
        "codeExecution" | "code_interpreter" => Service::CodeExecution,
        _ if kind.starts_with("web_search") => Service::WebSearch,
        _ if kind.starts_with("web_fetch") => Service::WebFetch,
        _ if kind.starts_with("code_execution") => Service::CodeExecution,
        _ => return None,
    };
    let offline = TopLevel::scan(tool.raw.get().as_bytes())
        .is_ok_and(|object| object.value("external_web_access") == Some(b"false"));
    (!offline).then_some(service)
}
