//! Device codes: the user agrees on any device, and we ask until they have.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use cliproxy_core::Timestamp;
use oauth2::{DeviceAuthorizationUrl, Scope, StandardDeviceAuthorizationResponse};

use super::endpoint::{TokenEndpoint, bad_url, token_error};
use super::error::TokenError;
use super::reply::Asked;
use super::tokens::Tokens;
use super::wire::no_tokens;
use crate::{BoxFuture, HttpClient, Via};

/// What waits between questions, and says what time it is: real time, or a test's.
pub trait Pace: fmt::Debug + Send + Sync {
    /// Waits this long.
    fn sleep(&self, length: Duration) -> BoxFuture<()>;
    /// Now.
    fn now(&self) -> Timestamp;
}

/// The clock on the wall.
#[derive(Clone, Copy, Debug, Default)]
pub struct RealTime;

impl Pace for RealTime {
    fn sleep(&self, length: Duration) -> BoxFuture<()> {
        Box::pin(tokio::time::sleep(length))
    }

    fn now(&self) -> Timestamp {
        Timestamp::from_system_time(SystemTime::now())
    }
}

/// A code that a user types in, or confirms, on another device.
#[derive(Clone, Debug)]
pub struct DeviceCode {
    details: StandardDeviceAuthorizationResponse,
}

impl DeviceCode {
    /// What the user types in.
    #[must_use]
    pub fn user_code(&self) -> &str {
        self.details.user_code().secret()
    }

    /// Where they type it in.
    #[must_use]
    pub fn verification_uri(&self) -> &str {
        self.details.verification_uri()
    }

    /// A URL that has the code in it; else where it is typed in.
    #[must_use]
    pub fn complete_uri(&self) -> &str {
        let complete = self.details.verification_uri_complete();
        complete.map_or_else(|| self.verification_uri(), |uri| uri.secret())
    }

    /// How long it lives.
    #[must_use]
    pub fn lifetime(&self) -> Duration {
        self.details.expires_in()
    }

    /// The pause that the provider asked for.
    #[must_use]
    pub fn interval(&self) -> Duration {
        self.details.interval()
    }
}

impl TokenEndpoint {
    /// Asks for a device code, to be asked about at least `pause` apart. `extra` are members beside the standard ones,
    /// such as a PKCE challenge.
    ///
    /// # Errors
    /// See [`TokenError`].
    pub async fn device_code(
        &self,
        http: &HttpClient,
        via: &Via,
        url: &str,
        scope: &str,
        extra: &[(&str, &str)],
        pause: Duration,
    ) -> Result<DeviceCode, TokenError> {
        let url = DeviceAuthorizationUrl::new(url.to_owned())
            .map_err(|error| bad_url("device authorization URL", &error))?;
        let client = self.client()?.set_device_authorization_url(url);
        let mut request = client.exchange_device_code();
        if !scope.is_empty() {
            request = request.add_scope(Scope::new(scope.to_owned()));
        }
        for (name, value) in extra {
            request = request.add_extra_param(*name, *value);
        }
        let details: StandardDeviceAuthorizationResponse =
            request.request_async(&self.wire(http, via)).await.map_err(token_error)?;
        if details.device_code().secret().is_empty() || details.user_code().secret().is_empty() {
            return Err(no_tokens(b"{}"));
        }
        let details = at_least(details, pause)?;
        Ok(DeviceCode { details })
    }

    /// Asks until the user has agreed, for at most `limit`, or as long as the code lives. `slow_down` adds five seconds
    /// to every further pause; a failing network is waited out, and named if it lasts.
    ///
    /// # Errors
    /// [`TokenError::Refused`] with `access_denied` or `expired_token` (also when the time is over), and others.
    // Source: RFC 8628 §3.5; providers-b.md 2.1, 3.1, 5.1 "Poll rule".
    pub async fn await_consent(
        &self,
        http: &HttpClient,
        via: &Via,
        code: &DeviceCode,
        extra: &[(&str, &str)],
        limit: Duration,
        pace: &Arc<dyn Pace>,
    ) -> Result<Tokens, TokenError> {
        let client = self.client()?;
        let details = &code.details;
        let mut request = client
            .exchange_device_access_token(details)
            .set_max_backoff_interval(details.interval().max(Duration::from_secs(10)));
        for (name, value) in extra {
            request = request.add_extra_param(*name, *value);
        }
        let clock = Arc::clone(pace);
        let request = request.set_time_fn(move || {
            let millis = u64::try_from(clock.now().as_millis()).unwrap_or_default();
            (UNIX_EPOCH + Duration::from_millis(millis)).into()
        });
        // Source: providers-b.md 5.1 "first poll after one interval".
        pace.sleep(details.interval()).await;
        let wire = self.wire(http, via).asking(Asked::Consent);
        let wait = |length: Duration| pace.sleep(length);
        let outcome = request.request_async(&wire, wait, Some(limit.min(details.expires_in()))).await;
        match outcome.map_err(token_error) {
            Ok(reply) => Ok(Tokens::of(&reply)),
            // It never became known whether the user agreed.
            Err(error) if error.code() == Some("expired_token") => Err(wire.trouble().unwrap_or(error)),
            Err(error) => Err(error),
        }
    }
}

/// The same code, asked about at least this far apart.
fn at_least(
    details: StandardDeviceAuthorizationResponse,
    pause: Duration,
) -> Result<StandardDeviceAuthorizationResponse, TokenError> {
    if details.interval() >= pause {
        return Ok(details);
    }
    let patched = serde_json::to_value(&details).and_then(|mut value| {
        if let Some(object) = value.as_object_mut() {
            object.insert("interval".to_owned(), pause.as_secs().into());
        }
        serde_json::from_value(value)
    });
    patched.map_err(|error| TokenError::Setup(error.to_string()))
}
