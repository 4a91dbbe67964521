//! The listener that a browser comes back to.

use std::time::Duration;

use cliproxy_core::{LoginError, LoginErrorKind, Secret};
use cliproxy_transport::{InboundBody, Peer, Routed, Routes, Server, ServerOptions, Shutdown};
use http::{Method, Request};
use tokio::sync::mpsc;

use crate::page::Page;
use crate::pasted::Callback;

/// A code is a few hundred bytes; browsers add some kilobytes of their own.
const MAX_HEAD: usize = 32 * 1024;
/// How long a browser may take to read its page.
const FAREWELL: Duration = Duration::from_secs(2);

/// A callback listener on loopback, bound and not yet serving.
#[derive(Debug)]
pub(crate) struct Listener {
    server: Server,
    port: u16,
}

impl Listener {
    pub(crate) async fn bind(port: u16) -> Result<Self, LoginError> {
        let mut options = ServerOptions::new("127.0.0.1", port)
            .with_timeouts(Duration::from_secs(10), Duration::from_secs(10))
            .with_max_connections(64)
            .with_max_requests(16);
        options.max_header_bytes = MAX_HEAD;
        let server = Server::bind(options).await.map_err(|error| {
            let message = format!(
                "port {port}, where the browser brings the answer, is in use: end the other login, or choose \
                 another port with -oauth-callback-port"
            );
            LoginError::new(LoginErrorKind::PortBusy, message).with_source(error)
        })?;
        let port = server.local_addr().port();
        Ok(Self { server, port })
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// Serves until `work` is done, and hands it what callbacks bring. Those with a foreign state never reach it.
    pub(crate) async fn serve<T>(
        self,
        path: &'static str,
        state: &Secret,
        work: impl AsyncFnOnce(mpsc::Receiver<Callback>) -> T,
    ) -> T {
        let (tell, heard) = mpsc::channel(1);
        let shutdown = Shutdown::new(FAREWELL).with_farewell(Duration::ZERO);
        let serving = self.server.run(Answering { path, state: state.clone(), tell }, shutdown.clone());
        tokio::pin!(serving);
        let working = work(heard);
        tokio::pin!(working);
        let done = tokio::select! {
            done = &mut working => done,
            () = &mut serving => working.await,
        };
        shutdown.start();
        serving.await;
        done
    }
}

#[derive(Debug)]
struct Answering {
    path: &'static str,
    state: Secret,
    tell: mpsc::Sender<Callback>,
}

impl Answering {
    fn page(&self, request: &Request<InboundBody>) -> Page {
        if request.uri().path() != self.path {
            return Page::Unknown;
        }
        if request.method() != Method::GET {
            return Page::Method;
        }
        let callback = Callback::of_query(request.uri().query().unwrap_or_default());
        match (&callback.state, &callback.code, &callback.error) {
            (Some(state), _, _) if *state != self.state => Page::Foreign,
            (None, Some(_), _) | (None, _, Some(_)) => Page::Foreign,
            (_, None, None) => Page::Empty,
            // The flow takes the first; a tab that is loaded again changes nothing.
            (Some(_), _, Some(_)) => {
                let _first_wins = self.tell.try_send(callback);
                Page::Denied
            }
            (Some(_), Some(_), None) => {
                let _first_wins = self.tell.try_send(callback);
                Page::Done
            }
        }
    }
}

impl Routes for Answering {
    fn handle(&self, request: Request<InboundBody>, _peer: Peer) -> Routed {
        let page = self.page(&request);
        Routed::reply(async move { page.reply() })
    }
}
