//! What leaves: where to, with which key, through which proxy.

use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;

use cliproxy_core::{ErrorKind, Secret};

use super::samples::SAID;
use super::stage::{CLIENT_SECRET, KEY, Mode, Stage, closed_port, expect, shown};
use super::subject::Subject;
use crate::FakeUpstream;
use crate::received::Received;

/// Whether a text is anywhere in a request's head.
fn in_head(request: &Received, text: &str) -> bool {
    let held = |bytes: &[u8]| String::from_utf8_lossy(bytes).contains(text);
    request.headers.values().any(|value| held(value.as_bytes())) || request.query.contains(text)
}

/// In each format and mode one request goes to the base URL, with the credential's key and what the user said.
pub async fn calls_go_to_the_base_url_with_the_credentials_key(subject: Subject) {
    let stage = Stage::set(subject).await;
    let mut calls = 0;
    for format in stage.formats() {
        for mode in stage.modes() {
            let sample = stage.subject.sample_of(&format);
            stage.upstream.script_all([if mode == Mode::Whole { sample.whole } else { sample.stream }]);
            let attempt = stage.attempt_in(stage.credential(KEY), mode, &format);
            expect(stage.send(attempt).await, (mode, &format));
            calls += 1;
            let received = stage.received();
            assert_eq!(received.len(), calls, "one call is one request: no retries, nothing beside it");
            let request = received.last().expect("a request");
            assert!(in_head(request, KEY), "the key is not sent: {request:?}");
            let said = serde_json::from_slice::<serde_json::Value>(&request.body).map_or_else(
                |_| String::from_utf8_lossy(&request.body).into_owned(),
                |body| body.to_string(),
            );
            let wanted = String::from_utf8_lossy(&sample.request).contains(SAID);
            assert!(!wanted || said.contains(SAID), "{said}");
        }
    }
}

/// Of the client's headers no key, cookie or unknown word is sent on: not in the head, not in the body.
pub async fn the_clients_secrets_stay_behind(subject: Subject) {
    let stage = Stage::set(subject).await;
    for mode in stage.modes() {
        stage.upstream.script_all([stage.reply(mode)]);
        for native in [true, false] {
            let mut attempt = stage.attempt(stage.credential(KEY), mode);
            if !native {
                attempt.client_format = cliproxy_core::ClientFormat::from_static("conformance");
            }
            expect(stage.send(attempt).await, mode);
        }
    }
    for request in stage.received() {
        assert!(!in_head(&request, CLIENT_SECRET), "{request:?}");
        assert!(!String::from_utf8_lossy(&request.body).contains(CLIENT_SECRET), "{request:?}");
    }
}

/// Headers of the credential override all others; `$Name` copies the client's, or is left out.
pub async fn the_credentials_headers_come_last(subject: Subject) {
    let stage = Stage::set(subject).await;
    for mode in stage.modes() {
        stage.upstream.script_all([stage.reply(mode)]);
        let credential = stage.credential_with(KEY, |settings| {
            settings.headers = [
                ("User-Agent", "conformance/1"),
                ("X-Team", "green"),
                ("X-Copied", "$X-Client-Word"),
                ("X-Absent", "$X-Nobody-Sent-This"),
            ]
            .map(|(name, value)| (name.to_owned(), Secret::from(value)))
            .to_vec();
        });
        expect(stage.call(credential, mode).await, mode);
        let request = stage.upstream.last();
        for (name, expected) in [
            ("user-agent", Some("conformance/1")),
            ("x-team", Some("green")),
            ("x-copied", Some("blue")),
            ("x-absent", None),
        ] {
            assert_eq!(request.header(name), expected, "{mode:?} {name}");
        }
        assert_eq!(request.headers.get_all("user-agent").iter().count(), 1, "replaced, not added");
    }
}

/// The credential's proxy is asked for the upstream; the upstream itself hears nothing.
pub async fn calls_go_through_the_credentials_proxy(subject: Subject) {
    let stage = Stage::set(subject).await;
    let proxy = FakeUpstream::start().await;
    for (calls, mode) in (1..).zip(stage.modes()) {
        proxy.script_all([stage.reply(mode)]);
        stage.upstream.script_all([stage.reply(mode)]);
        let through = proxy.url();
        let credential = stage.credential_with(KEY, |settings| settings.proxy = Some(Secret::new(through)));
        expect(stage.call(credential, mode).await, mode);
        assert_eq!(proxy.requests().len(), calls, "{mode:?}: the proxy of the credential is not used");
        let host = stage.upstream.address().to_string();
        assert_eq!(proxy.last().header("host"), Some(host.as_str()));
        assert!(stage.received().is_empty(), "{mode:?}: the proxy is gone around");
    }
}

/// A proxy that does not answer, or cannot be one, is an error; nothing is sent without it.
pub async fn a_dead_proxy_is_not_gone_around(subject: Subject) {
    let stage = Stage::set(subject).await;
    let dead = format!("http://{}", closed_port());
    for proxy in [dead.as_str(), "ftp://proxy.invalid:21", "no url"] {
        for mode in stage.modes() {
            stage.upstream.script_all([stage.reply(mode)]);
            let credential =
                stage.credential_with(KEY, |settings| settings.proxy = Some(Secret::from(proxy)));
            let error = stage.call(credential, mode).await.expect_err("the proxy is dead");
            let kinds = [ErrorKind::Misconfigured, ErrorKind::Connect];
            assert!(kinds.contains(&error.kind()), "{mode:?} {proxy}: {}", shown(&error));
            assert!(stage.received().is_empty(), "{mode:?} {proxy}: the proxy is gone around");
        }
    }
}

/// A key that no header can hold is a fault of the credential, told before anything is sent.
pub async fn a_key_that_cannot_be_sent_is_said_to_be(subject: Subject) {
    let stage = Stage::set(subject).await;
    for mode in stage.modes() {
        stage.upstream.script_all([stage.reply(mode)]);
        let error =
            stage.call(stage.credential("key\u{7}with a bell"), mode).await.expect_err("it cannot be sent");
        assert_eq!(error.kind(), ErrorKind::Misconfigured, "{mode:?}: {}", shown(&error));
        assert!(stage.received().is_empty(), "{mode:?}: it is sent without a key");
    }
}

/// Two credentials at once: each call carries its own key.
pub async fn each_credential_sends_its_own_key(subject: Subject) {
    let stage = Stage::set(subject).await;
    for mode in stage.modes() {
        stage.upstream.script_all([stage.reply(mode)]);
        let before = stage.received().len();
        let mut one = pin!(stage.call(stage.credential("first-key"), mode));
        let mut other = pin!(stage.call(stage.credential("second-key"), mode));
        let (mut first, mut second) = (None, None);
        poll_fn(|cx| {
            for (call, result) in [(one.as_mut(), &mut first), (other.as_mut(), &mut second)] {
                if result.is_none()
                    && let Poll::Ready(done) = call.poll(cx)
                {
                    *result = Some(done);
                }
            }
            if first.is_some() && second.is_some() { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
        for result in [first, second] {
            expect(result.expect("both ended"), mode);
        }
        let received = stage.received();
        let calls = received.get(before..).unwrap_or_default();
        for key in ["first-key", "second-key"] {
            assert_eq!(calls.iter().filter(|call| in_head(call, key)).count(), 1, "{mode:?} {key}");
        }
    }
}
