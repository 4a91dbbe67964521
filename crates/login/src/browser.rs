//! The way through a browser: send the user off, and wait for a callback or for what they paste.

use std::sync::Arc;
use std::time::Duration;

use cliproxy_core::{LoginError, LoginErrorKind, LoginRequest, LoginStep, LoginUi, Question, Secret};
use cliproxy_transport::oauth::Authorization;
use tokio::sync::mpsc;

use crate::callback::Listener;
use crate::means::Means;
use crate::pasted::Callback;

/// Source: providers-a.md 1.3 "Wait".
const LIMIT: Duration = Duration::from_secs(5 * 60);
/// Source: providers-a.md 1.3 "Manual paste".
const BEFORE_PASTE: Duration = Duration::from_secs(15);

/// Where a provider sends browsers back to.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Redirect {
    pub(crate) port: u16,
    pub(crate) path: &'static str,
    /// Whether the redirect URI names the port that the user chose; else only the listener moves, for tunnels.
    // Source: providers-a.md 1.3 "--oauth-callback-port".
    pub(crate) follows_port: bool,
}

impl Redirect {
    fn uri(&self, listening: Option<u16>) -> String {
        let port = listening.filter(|_| self.follows_port).unwrap_or(self.port);
        format!("http://localhost:{port}{}", self.path)
    }
}

/// A code that the user let us have.
#[derive(Debug)]
pub(crate) struct Consent {
    pub(crate) code: Secret,
    pub(crate) redirect_uri: String,
    pub(crate) flow: Authorization,
}

/// Sends the user to the URL that `authorize` makes of a flow and its redirect URI, and waits for the code.
pub(crate) async fn consent(
    means: &Means,
    request: &LoginRequest,
    ui: &Arc<dyn LoginUi>,
    redirect: Redirect,
    authorize: impl FnOnce(&Authorization, &str) -> Result<String, LoginError>,
) -> Result<Consent, LoginError> {
    let flow = Authorization::new();
    let wanted = request.callback_port.unwrap_or(redirect.port);
    let listener = match Listener::bind(wanted).await {
        Ok(listener) => Some(listener),
        // Without a browser here the answer is pasted anyway.
        Err(error) if request.browser => return Err(error),
        Err(error) => {
            ui.tell(LoginStep::Note(format!("{error}; paste the address instead")));
            None
        }
    };
    let port = listener.as_ref().map(Listener::port);
    let redirect_uri = redirect.uri(request.callback_port.and(port));
    let url = authorize(&flow, &redirect_uri)?;
    ui.tell(LoginStep::open(url, request.browser, port));
    let waiting = Waiting { means, ui, browser: request.browser, state: flow.state() };
    let code = match listener {
        Some(listener) => {
            listener.serve(redirect.path, flow.state(), async |heard| waiting.code(Some(heard)).await).await?
        }
        None => waiting.code(None).await?,
    };
    Ok(Consent { code, redirect_uri, flow })
}

struct Waiting<'w> {
    means: &'w Means,
    ui: &'w Arc<dyn LoginUi>,
    browser: bool,
    state: &'w Secret,
}

impl Waiting<'_> {
    async fn code(&self, heard: Option<mpsc::Receiver<Callback>>) -> Result<Secret, LoginError> {
        let pace = self.means.pace();
        let callback = tokio::select! {
            callback = next(heard) => callback,
            callback = self.pasted() => callback?,
            () = pace.sleep(LIMIT) => {
                let message = format!("nobody agreed within {} minutes: log in again", LIMIT.as_secs() / 60);
                return Err(LoginError::new(LoginErrorKind::TimedOut, message));
            }
        };
        match (callback.error, callback.code) {
            (Some(error), _) => {
                Err(LoginError::new(LoginErrorKind::Denied, format!("the provider did not agree: {error}")))
            }
            (None, Some(code)) => Ok(code),
            (None, None) => Err(LoginError::new(LoginErrorKind::BadReply, "the callback has no code")),
        }
    }

    /// A pasted callback with our state. Who cannot be asked is waited for in the browser alone.
    async fn pasted(&self) -> Result<Callback, LoginError> {
        if self.browser {
            self.means.pace().sleep(BEFORE_PASTE).await;
        }
        loop {
            let text = "Or paste the address that the browser ended up at (Enter: keep waiting)";
            let Some(answer) = self.ui.ask(Question::new("callback-url", text).secret()).await else {
                return std::future::pending().await;
            };
            if answer.trim().is_empty() {
                continue;
            }
            let note = match Callback::of_paste(&answer) {
                None => "this is no callback address: it has no code in it",
                Some(callback) => match &callback.state {
                    Some(state) if state == self.state => return Ok(callback),
                    Some(_) => "this address belongs to another login: use the tab that was opened last",
                    None => "this address has no state in it: copy it whole",
                },
            };
            self.ui.tell(LoginStep::Note(note.to_owned()));
        }
    }
}

async fn next(heard: Option<mpsc::Receiver<Callback>>) -> Callback {
    if let Some(mut heard) = heard
        && let Some(callback) = heard.recv().await
    {
        return callback;
    }
    std::future::pending().await
}
