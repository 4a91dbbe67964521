//! What goes wrong, and how it is told.

use std::time::Duration;

use bytes::Bytes;
use cliproxy_core::ErrorKind;

use super::stage::{KEY, Stage, shown};
use super::subject::Subject;
use crate::reply::{cut, hang, html, refuse, status};

/// A failing status is an error with the provider's status, reply, headers and hint, and of the right kind.
pub async fn failures_carry_status_reply_and_hint(subject: Subject) {
    // Source: `ErrorKind`, each kind's own documentation.
    const READINGS: [(u16, ErrorKind); 14] = [
        (400, ErrorKind::InvalidRequest),
        (401, ErrorKind::Unauthorized),
        (402, ErrorKind::PaymentRequired),
        (403, ErrorKind::Forbidden),
        (404, ErrorKind::NotFound),
        (408, ErrorKind::Timeout),
        (413, ErrorKind::TooLarge),
        (422, ErrorKind::InvalidRequest),
        (429, ErrorKind::RateLimited),
        (500, ErrorKind::Server),
        (502, ErrorKind::Server),
        (503, ErrorKind::Overloaded),
        (504, ErrorKind::Timeout),
        (529, ErrorKind::Overloaded),
    ];
    let stage = Stage::set(subject).await;
    let body = r#"{"error":{"message":"conformance","type":"conformance"}}"#;
    for mode in stage.modes() {
        for (code, standard) in READINGS {
            let failure = status(code)
                .header("content-type", "application/json")
                .header("x-request-id", "req-conformance")
                .header("retry-after", "7")
                .body(body);
            stage.upstream.script_all([failure]);
            let before = stage.received().len();
            let error = stage.call(stage.credential(KEY), mode).await.expect_err("the status is a failure");
            assert_eq!(stage.received().len(), before + 1, "{mode:?} {code}: an executor never retries");
            assert_eq!(
                error.kind(),
                stage.subject.reading(code, standard),
                "{mode:?} {code}: {}",
                shown(&error)
            );
            assert_eq!(error.status().map(|status| status.as_u16()), Some(code), "{mode:?}");
            assert_eq!(error.body(), &Bytes::from_static(body.as_bytes()), "{mode:?} {code}");
            let id = error.headers().get("x-request-id").map(|value| value.as_bytes());
            assert_eq!(id, Some(b"req-conformance".as_slice()), "{mode:?} {code}");
            if code == 429 {
                assert_eq!(error.evidence().retry_after, Some(Duration::from_secs(7)), "{mode:?}");
            }
        }
    }
}

/// Nobody listens: a connect failure, which blames the endpoint.
pub async fn an_unreachable_provider_is_a_connect_failure(subject: Subject) {
    let stage = Stage::unreachable(subject).await;
    for mode in stage.modes() {
        let error = stage.call(stage.credential(KEY), mode).await.expect_err("nobody listens");
        assert_eq!(error.kind(), ErrorKind::Connect, "{mode:?}: {}", shown(&error));
        assert_eq!(error.status(), None, "there was no reply");
    }
}

/// The provider takes the request and closes the connection: the endpoint is to blame, not the credential.
pub async fn a_connection_closed_without_an_answer_blames_the_endpoint(subject: Subject) {
    let stage = Stage::set(subject).await;
    stage.upstream.script_all([refuse()]);
    for mode in stage.modes() {
        let error = stage.call(stage.credential(KEY), mode).await.expect_err("there is no answer");
        assert!(error.kind().is_endpoint_fault(), "{mode:?}: {}", shown(&error));
        assert_eq!(error.status(), None, "there was no reply");
    }
}

/// The deadline for a reply's head passes: a timeout.
pub async fn a_passed_deadline_is_a_timeout(subject: Subject) {
    let stage = Stage::with_deadline(subject, Duration::from_millis(50)).await;
    stage.upstream.script_all([hang()]);
    for mode in stage.modes() {
        let error = stage.call(stage.credential(KEY), mode).await.expect_err("there is no answer");
        assert_eq!(error.kind(), ErrorKind::Timeout, "{mode:?}: {}", shown(&error));
    }
}

/// A reply whose connection breaks in the middle is an error, however much of it came.
pub async fn a_reply_cut_short_is_never_a_success(subject: Subject) {
    let stage = Stage::set(subject).await;
    for mode in stage.modes() {
        let reply = stage.reply(mode).split_every(16);
        for kept in [0, 1, reply.pieces().len() - 1] {
            stage.upstream.script_all([reply.clone().truncate(kept).then(cut())]);
            let error = stage.call(stage.credential(KEY), mode).await.expect_err("it was cut short");
            assert!(error.kind().is_endpoint_fault(), "{mode:?} {kept}: {}", shown(&error));
        }
    }
}

/// A page for people under status 200 is no reply; under a failing one it is read by its status.
pub async fn a_web_page_in_place_of_a_reply_is_a_bad_reply(subject: Subject) {
    let stage = Stage::set(subject).await;
    for mode in stage.modes() {
        for (code, kind) in [(200, ErrorKind::BadReply), (502, ErrorKind::Server)] {
            stage.upstream.script_all([html(code)]);
            let error = stage.call(stage.credential(KEY), mode).await.expect_err("a page is no reply");
            assert_eq!(error.kind(), kind, "{mode:?} {code}: {}", shown(&error));
        }
    }
}
