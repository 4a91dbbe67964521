//! What the routes are told.

use std::sync::Arc;
use std::time::Duration;

use cliproxy_core::{AccessProvider, ClientFormat};
use cliproxy_translator::Codec;
use cliproxy_transport::BodyLimits;

use crate::Onward;

/// The codecs of the client formats that have routes.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Codecs {
    /// OpenAI Chat Completions.
    pub chat: Arc<dyn Codec>,
    /// Legacy OpenAI completions.
    pub completions: Arc<dyn Codec>,
    /// Claude Messages.
    pub claude: Arc<dyn Codec>,
    /// OpenAI Responses. Without it its routes say that they are not built.
    pub responses: Option<Arc<dyn Codec>>,
    /// Gemini. Without it its routes say that they are not built.
    pub gemini: Option<Arc<dyn Codec>>,
    /// The envelope of Gemini CLI. Without it `/v1internal` says that it is not built.
    pub gemini_cli: Option<Arc<dyn Codec>>,
}

impl Codecs {
    /// The codecs that every server has.
    #[must_use]
    pub fn new(chat: Arc<dyn Codec>, completions: Arc<dyn Codec>, claude: Arc<dyn Codec>) -> Self {
        Self { chat, completions, claude, responses: None, gemini: None, gemini_cli: None }
    }

    /// The codec of a format, if it is there.
    #[must_use]
    pub fn get(&self, format: &ClientFormat) -> Option<&Arc<dyn Codec>> {
        match format {
            format if *format == ClientFormat::OPENAI => Some(&self.chat),
            format if *format == ClientFormat::OPENAI_COMPLETIONS => Some(&self.completions),
            format if *format == ClientFormat::CLAUDE => Some(&self.claude),
            format if *format == ClientFormat::OPENAI_RESPONSES => self.responses.as_ref(),
            format if *format == ClientFormat::GEMINI => self.gemini.as_ref(),
            format if *format == ClientFormat::GEMINI_CLI => self.gemini_cli.as_ref(),
            _ => None,
        }
    }

    /// The codec that writes errors for clients of a format: its own, else that of its family.
    #[must_use]
    pub fn errors_of(&self, format: &ClientFormat) -> &Arc<dyn Codec> {
        let family = if *format == ClientFormat::GEMINI_CLI { &ClientFormat::GEMINI } else { format };
        self.get(format).or_else(|| self.get(family)).unwrap_or(&self.chat)
    }
}

/// What may change while the server runs.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Options {
    /// Limits of request bodies.
    pub body: BodyLimits,
    /// How often a waiting stream gets a sign of life, a comment or a blank line by its format; `None` is never. Source: design.md §8, 15 s by default.
    pub keepalive: Option<Duration>,
    /// How often a waiting whole reply gets a blank line; `None` is never. Source: http-api.md A.4.
    pub whole_keepalive: Option<Duration>,
    /// Access is checked by keys. Without keys there are no CORS headers and foreign origins are refused, so that a
    /// web page cannot spend the user's accounts (Source: design.md §8).
    pub keyed: bool,
    /// The config still holds an example key: API routes are refused. Source: runtime.md A.10 "safe mode".
    pub safe_mode: bool,
    /// The host names under which a keyless server may be called, beside loopback names.
    pub own_hosts: Vec<String>,
    /// Pages that connect to the relay have to show a client key (`ws-auth`).
    pub relay_keyed: bool,
    /// The origins of pages that may connect to the relay without a key, as browsers send them; `*` in one stands for
    /// any text. Programs that are no browsers send none and may connect, as may pages of this server.
    pub relay_origins: Vec<String>,
    /// Who may connect pages, where a key is asked for: nobody whom this does not grant it. Without it every client may
    /// (`ws-keys`).
    pub relay_access: Option<Arc<dyn AccessProvider>>,
    /// Where questions about a client's own login at Google go (`/v1internal:loadCodeAssist` and the like). Without it they
    /// are not offered.
    pub code_assist: Option<Arc<dyn Onward>>,
    /// Every reply carries the explanation of how it came about, not only those whose client asks (`trace`).
    pub explain: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            body: BodyLimits::default(),
            keepalive: Some(Duration::from_secs(15)),
            whole_keepalive: None,
            keyed: true,
            safe_mode: false,
            own_hosts: Vec::new(),
            relay_keyed: true,
            relay_origins: Vec::new(),
            relay_access: None,
            code_assist: None,
            explain: false,
        }
    }
}
