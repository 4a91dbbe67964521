//! The way through a device code.

use std::sync::Arc;
use std::time::Duration;

use cliproxy_core::{LoginError, LoginRequest, LoginStep, LoginUi};
use cliproxy_transport::oauth::{TokenEndpoint, Tokens};

use crate::means::{Means, token_failed};

/// Source: providers-b.md 2.1, 5.1 "max(server `interval`, 5 s)".
const PAUSE: Duration = Duration::from_secs(5);
/// Source: providers-b.md 2.1, 5.1 "min(`expires_in`, 15 min)".
const LIMIT: Duration = Duration::from_secs(15 * 60);

/// What a provider wants beside the standard members, when asked for a code and when asked about it.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Extras<'e> {
    pub(crate) scope: &'e str,
    pub(crate) start: &'e [(&'e str, &'e str)],
    pub(crate) poll: &'e [(&'e str, &'e str)],
}

/// Asks for a code, shows it, and waits until the user has agreed.
pub(crate) async fn consent(
    means: &Means,
    request: &LoginRequest,
    ui: &Arc<dyn LoginUi>,
    endpoint: &TokenEndpoint,
    extras: Extras<'_>,
) -> Result<Tokens, LoginError> {
    consent_at(means, request, ui, endpoint, &means.url("device")?, extras).await
}

/// As [`consent`], for a code that is asked for at another URL than the provider's only one.
pub(crate) async fn consent_at(
    means: &Means,
    request: &LoginRequest,
    ui: &Arc<dyn LoginUi>,
    endpoint: &TokenEndpoint,
    url: &str,
    extras: Extras<'_>,
) -> Result<Tokens, LoginError> {
    let (http, via) = (means.http(), means.via());
    let code = endpoint
        .device_code(http, &via, url, extras.scope, extras.start, PAUSE)
        .await
        .map_err(token_failed)?;
    let lifetime = code.lifetime().min(LIMIT);
    let step = LoginStep::code(
        code.verification_uri(),
        code.complete_uri(),
        code.user_code(),
        lifetime,
        request.browser,
    );
    ui.tell(step.in_window_of(request));
    endpoint.await_consent(http, &via, &code, extras.poll, LIMIT, means.pace()).await.map_err(token_failed)
}
