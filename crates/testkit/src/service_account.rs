//! Google's token endpoint for service accounts, which looks at every signature.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use parking_lot::Mutex;
use ring::signature::{KeyPair as _, RSA_PKCS1_2048_8192_SHA256, RsaKeyPair, UnparsedPublicKey};
use serde_json::{Value, json};

use crate::FakeUpstream;
use crate::received::Received;
use crate::reply::{Reply, status};

/// An RSA key made for tests, in PEM; it opens nothing.
pub const TEST_RSA_KEY: &str = include_str!("made-for-tests.pem");

const EMAIL: &str = "svc@proj-1.iam.gserviceaccount.com";
const KEY_ID: &str = "key-1";

/// A token endpoint that takes assertions signed with [`TEST_RSA_KEY`], and checks them as Google does: signature,
/// issuer, audience, scope, times.
#[derive(Debug)]
pub struct FakeServiceAccount {
    upstream: FakeUpstream,
    ledger: Arc<Mutex<Ledger>>,
}

#[derive(Debug, Default)]
struct Ledger {
    audience: String,
    /// Seconds that its clock is ahead of ours.
    ahead: i64,
    lifetime: u64,
    /// The token to give; else `access-1`, `access-2`, ….
    token: Option<String>,
    /// Why an assertion was refused; nothing when it was not.
    judged: Vec<Result<Value, &'static str>>,
    issued: u32,
}

impl FakeServiceAccount {
    /// Starts on a free port of 127.0.0.1.
    pub async fn start() -> Self {
        let upstream = FakeUpstream::start().await;
        let audience = format!("{}/token", upstream.url());
        let ledger = Arc::new(Mutex::new(Ledger { audience, lifetime: 3600, ..Ledger::default() }));
        let book = Arc::clone(&ledger);
        upstream.answer_with(move |request| book.lock().answer(request));
        Self { upstream, ledger }
    }

    /// The URL to post to.
    #[must_use]
    pub fn url(&self) -> String {
        format!("{}/token", self.upstream.url())
    }

    /// The account's key file, as Google hands it out.
    #[must_use]
    pub fn key_file(&self) -> Value {
        json!({
            "type": "service_account", "project_id": "proj-1", "private_key_id": KEY_ID, "private_key": TEST_RSA_KEY,
            "client_email": EMAIL, "token_uri": self.url(),
        })
    }

    /// How long the access tokens live, in seconds. 3600 at first.
    pub fn set_lifetime(&self, seconds: u64) {
        self.ledger.lock().lifetime = seconds;
    }

    /// Its clock is this far ahead of ours, or behind.
    pub fn set_clock(&self, seconds_ahead: i64) {
        self.ledger.lock().ahead = seconds_ahead;
    }

    /// The token to give, every time.
    pub fn set_token(&self, token: &str) {
        self.ledger.lock().token = Some(token.to_owned());
    }

    /// Wants another audience than its URL.
    pub fn set_audience(&self, audience: &str) {
        audience.clone_into(&mut self.ledger.lock().audience);
    }

    /// The next requests are answered from this script instead.
    pub fn fail_with(&self, replies: impl IntoIterator<Item = Reply>) {
        self.upstream.interrupt(replies);
    }

    /// Every assertion: its claims, or why it was refused.
    #[must_use]
    pub fn judged(&self) -> Vec<Result<Value, &'static str>> {
        self.ledger.lock().judged.clone()
    }

    /// The server below: requests received, waiting for them.
    #[must_use]
    pub fn upstream(&self) -> &FakeUpstream {
        &self.upstream
    }
}

impl Ledger {
    fn answer(&mut self, request: &Received) -> Reply {
        let seconds = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
        let now = i64::try_from(seconds).unwrap_or_default() + self.ahead;
        let judged = self.judge(request, now);
        self.judged.push(judged.clone());
        let reply = match judged {
            Ok(_) => {
                self.issued += 1;
                let token = self.token.clone().unwrap_or_else(|| format!("access-{}", self.issued));
                status(200).json(
                    &json!({"access_token": token, "expires_in": self.lifetime, "token_type": "Bearer"}),
                )
            }
            Err(why) => status(400).json(&json!({"error": "invalid_grant", "error_description": why})),
        };
        reply.header("date", &http_date(now))
    }

    fn judge(&self, request: &Received, now: i64) -> Result<Value, &'static str> {
        if request.form("grant_type").as_deref() != Some("urn:ietf:params:oauth:grant-type:jwt-bearer") {
            return Err("Invalid grant type");
        }
        let assertion = request.form("assertion").ok_or("Missing assertion")?;
        let (signed, signature) = assertion.rsplit_once('.').ok_or("Invalid JWT")?;
        let (header, claims) = signed.split_once('.').ok_or("Invalid JWT")?;
        let read = |part: &str| -> Option<Value> {
            serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).ok()?).ok()
        };
        let (header, claims) = (read(header).ok_or("Invalid JWT")?, read(claims).ok_or("Invalid JWT")?);
        let signature = URL_SAFE_NO_PAD.decode(signature).map_err(|_| "Invalid JWT")?;
        let public = UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, public_key());
        let known = header["alg"] == "RS256" && header["kid"] == KEY_ID;
        if !known || public.verify(signed.as_bytes(), &signature).is_err() {
            return Err("Invalid JWT Signature.");
        }
        if claims["iss"] != EMAIL {
            return Err("Invalid grant: account not found");
        }
        if claims["aud"] != self.audience
            || claims["scope"] != "https://www.googleapis.com/auth/cloud-platform"
        {
            return Err("Invalid JWT: wrong audience or scope");
        }
        let time = |key: &str| claims[key].as_i64().unwrap_or_default();
        // Google grants a few minutes to clocks that differ.
        if time("iat") > now + 300 || time("exp") < now - 300 || time("exp") - time("iat") > 3600 {
            return Err(
                "Invalid JWT: Token must be a short-lived token (60 minutes) and in a reasonable timeframe. \
                        Check your iat and exp values in the JWT claim.",
            );
        }
        Ok(claims)
    }
}

fn public_key() -> Vec<u8> {
    let body: String = TEST_RSA_KEY.lines().filter(|line| !line.starts_with("-----")).collect();
    let der = STANDARD.decode(body).expect("base64");
    RsaKeyPair::from_pkcs8(&der).expect("a key").public_key().as_ref().to_vec()
}

/// Seconds since the epoch as an HTTP date. Source: RFC 9110 §5.6.7; the calendar is Howard Hinnant's `civil_from_days`.
fn http_date(seconds: i64) -> String {
    const DAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
    const MONTHS: [&str; 12] =
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let (days, rest) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
    let z = days + 719_468;
    let era = z.div_euclid(146_097);
    let of_era = z.rem_euclid(146_097);
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * of_year + 2) / 153;
    let day = of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    let at = |names: &[&'static str], index: i64| names[usize::try_from(index).unwrap_or_default()];
    let (weekday, month) = (at(&DAYS, days.rem_euclid(7)), at(&MONTHS, month - 1));
    format!(
        "{weekday}, {day:02} {month} {year} {:02}:{:02}:{:02} GMT",
        rest / 3600,
        rest / 60 % 60,
        rest % 60
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_those_of_the_standard() {
        assert_eq!(http_date(784_111_777), "Sun, 06 Nov 1994 08:49:37 GMT");
        assert_eq!(http_date(951_782_400), "Tue, 29 Feb 2000 00:00:00 GMT");
    }
}
