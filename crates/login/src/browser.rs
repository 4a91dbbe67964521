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

/// Where a provider sends browsers back to, and where we listen.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Redirect {
    port: u16,
    path: &'static str,
    uri: Uri,
    limit: Duration,
}

/// What the redirect URI names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Uri {
    /// The provider's own port: wherever the listener is, a tunnel leads there.
    OwnPort,
    /// The port that the user chose, else the provider's own.
    // Source: providers-a.md 1.3 "--oauth-callback-port".
    ChosenPort,
    /// Whichever port is listened on: another one does when the provider's own is taken.
    ListeningPort,
    /// A scheme of the vendor's. What opens it on this machine may hand it to the listener; a person may paste it.
    Scheme(&'static str),
}

impl Redirect {
    const fn new(port: u16, path: &'static str, uri: Uri) -> Self {
        Self { port, path, uri, limit: LIMIT }
    }

    /// To a constant address.
    pub(crate) const fn own_port(port: u16, path: &'static str) -> Self {
        Self::new(port, path, Uri::OwnPort)
    }

    /// To an address with the port that the user chose.
    pub(crate) const fn chosen_port(port: u16, path: &'static str) -> Self {
        Self::new(port, path, Uri::ChosenPort)
    }

    /// To an address with whichever port is free.
    pub(crate) const fn listening_port(port: u16, path: &'static str) -> Self {
        Self::new(port, path, Uri::ListeningPort)
    }

    /// To an address of the vendor's own scheme.
    pub(crate) const fn scheme(uri: &'static str, port: u16, path: &'static str) -> Self {
        Self::new(port, path, Uri::Scheme(uri))
    }

    /// Waits this long for the user.
    pub(crate) const fn within(mut self, limit: Duration) -> Self {
        self.limit = limit;
        self
    }

    fn is_of_a_scheme(&self) -> bool {
        matches!(self.uri, Uri::Scheme(_))
    }

    fn uri(&self, listening: Option<u16>, chosen: bool) -> String {
        let (host, port) = match self.uri {
            Uri::Scheme(uri) => return uri.to_owned(),
            Uri::OwnPort => ("localhost", None),
            Uri::ChosenPort => ("localhost", listening.filter(|_| chosen)),
            Uri::ListeningPort => ("127.0.0.1", listening),
        };
        format!("http://{host}:{}{}", port.unwrap_or(self.port), self.path)
    }

    async fn listen(&self, request: &LoginRequest) -> Result<Listener, LoginError> {
        let mut bound = Listener::bind(request.callback_port.unwrap_or(self.port)).await;
        if request.callback_port.is_some() {
            return bound;
        }
        match self.uri {
            Uri::OwnPort | Uri::ChosenPort => {}
            Uri::ListeningPort if bound.is_err() => bound = Listener::bind(0).await,
            Uri::ListeningPort => {}
            // Source: providers-b.md 1.1.5 "local handler on 127.0.0.1 ports 19876…19880".
            Uri::Scheme(_) => {
                for port in self.port + 1..self.port + 5 {
                    if bound.is_err() {
                        bound = Listener::bind(port).await;
                    }
                }
            }
        }
        bound
    }
}

/// A code that the user let us have.
#[derive(Debug)]
pub(crate) struct Consent {
    pub(crate) code: Secret,
    pub(crate) redirect_uri: String,
    pub(crate) flow: Authorization,
}

/// A flow whose listener is up, so that its redirect URI is known, and that has sent nobody anywhere yet.
pub(crate) struct Door<'d> {
    means: &'d Means,
    request: &'d LoginRequest,
    ui: &'d Arc<dyn LoginUi>,
    redirect: Redirect,
    listener: Option<Listener>,
    flow: Authorization,
    redirect_uri: String,
}

impl<'d> Door<'d> {
    pub(crate) async fn open(
        means: &'d Means,
        request: &'d LoginRequest,
        ui: &'d Arc<dyn LoginUi>,
        redirect: Redirect,
    ) -> Result<Self, LoginError> {
        let listener = match redirect.listen(request).await {
            Ok(listener) => Some(listener),
            // Without a browser here the answer is pasted anyway, and one of a scheme nearly always.
            Err(error) if request.browser && !redirect.is_of_a_scheme() => return Err(error),
            Err(error) => {
                ui.tell(LoginStep::Note(format!("{error}; paste the address instead")));
                None
            }
        };
        let port = listener.as_ref().map(Listener::port);
        let redirect_uri = redirect.uri(port, request.callback_port.is_some());
        Ok(Self { means, request, ui, redirect, listener, flow: Authorization::new(), redirect_uri })
    }

    pub(crate) fn flow(&self) -> &Authorization {
        &self.flow
    }

    pub(crate) fn redirect_uri(&self) -> &str {
        &self.redirect_uri
    }

    /// Sends the user to `url`, and waits for the code.
    pub(crate) async fn consent(self, url: String) -> Result<Consent, LoginError> {
        let Self { means, request, ui, redirect, listener, flow, redirect_uri } = self;
        let scheme = redirect.is_of_a_scheme();
        // No tunnel leads to a scheme.
        let port = listener.as_ref().map(Listener::port).filter(|_| !scheme);
        ui.tell(LoginStep::open(url, request.browser, port).in_window_of(request));
        if scheme {
            let text = format!(
                "Afterwards the browser wants to open an address that begins with {redirect_uri}. Do not let \
                 another program have it: copy it whole and paste it here."
            );
            ui.tell(LoginStep::Note(text));
        }
        let patience = if request.browser && !scheme { BEFORE_PASTE } else { Duration::ZERO };
        let waiting = Waiting { means, ui, patience, limit: redirect.limit, state: flow.state() };
        let code = match listener {
            Some(listener) => {
                let wait = async |heard| waiting.code(Some(heard)).await;
                listener.serve(redirect.path, flow.state(), wait).await?
            }
            None => waiting.code(None).await?,
        };
        Ok(Consent { code, redirect_uri, flow })
    }
}

/// Sends the user to the URL that `authorize` makes of a flow and its redirect URI, and waits for the code.
pub(crate) async fn consent(
    means: &Means,
    request: &LoginRequest,
    ui: &Arc<dyn LoginUi>,
    redirect: Redirect,
    authorize: impl FnOnce(&Authorization, &str) -> Result<String, LoginError>,
) -> Result<Consent, LoginError> {
    let door = Door::open(means, request, ui, redirect).await?;
    let url = authorize(door.flow(), door.redirect_uri())?;
    door.consent(url).await
}

struct Waiting<'w> {
    means: &'w Means,
    ui: &'w Arc<dyn LoginUi>,
    /// How long nobody is asked to paste: the browser may find its way back by itself.
    patience: Duration,
    limit: Duration,
    state: &'w Secret,
}

impl Waiting<'_> {
    async fn code(&self, heard: Option<mpsc::Receiver<Callback>>) -> Result<Secret, LoginError> {
        let pace = self.means.pace();
        let callback = tokio::select! {
            callback = next(heard) => callback,
            callback = self.pasted() => callback?,
            () = pace.sleep(self.limit) => {
                let minutes = self.limit.as_secs() / 60;
                let message = format!("nobody agreed within {minutes} minutes: log in again");
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
        if !self.patience.is_zero() {
            self.means.pace().sleep(self.patience).await;
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
