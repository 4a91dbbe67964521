//! The pages that a browser sees when it comes back.

use bytes::Bytes;
use cliproxy_transport::OutboundBody;
use http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY};
use http::{Response, StatusCode};

const STYLE: &str = "body{font:17px/1.5 system-ui,sans-serif;margin:0;min-height:100vh;display:grid;\
    place-items:center;background:#f6f7f9;color:#1d2330}main{max-width:26rem;padding:2.5rem;background:#fff;\
    border-radius:14px;box-shadow:0 6px 30px #0001;text-align:center}h1{font-size:1.4rem;margin:.6rem 0}\
    .mark{font-size:2.6rem}p{margin:.4rem 0;color:#5b6475}\
    @media(prefers-color-scheme:dark){body{background:#12151c;color:#e8ebf2}main{background:#1b2029}p{color:#9aa4b8}}";

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Page {
    Done,
    Denied,
    Foreign,
    Empty,
    Unknown,
    Method,
    /// It came to a server that has no login under way.
    Elsewhere,
}

/// What a browser sees that a provider sent to a server, and not to the login that waits for it.
#[must_use]
pub fn callback_elsewhere() -> Response<OutboundBody> {
    Page::Elsewhere.reply()
}

impl Page {
    fn parts(self) -> (u16, &'static str, &'static str, &'static str) {
        match self {
            Self::Done => {
                (200, "✓", "You are logged in", "You can close this tab and go back to the terminal.")
            }
            Self::Denied => {
                (200, "✕", "The login was refused", "Nothing was stored. The terminal says more.")
            }
            Self::Foreign => (
                400,
                "⚠",
                "This tab belongs to another login",
                "Its state is not the one that was asked for. Close it and use the tab that was opened last.",
            ),
            Self::Empty => (
                400,
                "⚠",
                "There is no code in this address",
                "Go back to the page of the provider and agree there.",
            ),
            Self::Elsewhere => (
                501,
                "⚠",
                "Your login waits somewhere else",
                "This server does not log in by itself. Copy the whole address of this tab, and paste it where \
                 <code>cliproxy-server login</code> waits. If nothing waits there any more, run it again: an address \
                 is good for one login only.",
            ),
            Self::Unknown => (404, "⚠", "Nothing is here", "This address only takes the answer to a login."),
            Self::Method => (405, "⚠", "Nothing is here", "This address only takes the answer to a login."),
        }
    }

    /// No text of the request is in it, so it needs no escaping.
    pub(crate) fn reply(self) -> Response<OutboundBody> {
        let (status, mark, title, text) = self.parts();
        let html = format!(
            "<!DOCTYPE html><html lang=\"en\"><head><meta charset=\"utf-8\">\
             <meta name=\"viewport\" content=\"width=device-width\"><title>{title}</title><style>{STYLE}</style>\
             </head><body><main><div class=\"mark\">{mark}</div><h1>{title}</h1><p>{text}</p></main></body></html>"
        );
        let mut response = Response::new(OutboundBody::full(Bytes::from(html)));
        *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::OK);
        for (name, value) in [
            (CONTENT_TYPE, "text/html; charset=utf-8"),
            (CACHE_CONTROL, "no-store"),
            // The address holds the code: nobody is told of it.
            (REFERRER_POLICY, "no-referrer"),
            (CONTENT_SECURITY_POLICY, "default-src 'none'; style-src 'unsafe-inline'"),
        ] {
            response.headers_mut().insert(name, http::HeaderValue::from_static(value));
        }
        response
    }
}
