//! What an executor says of itself.

use std::collections::BTreeSet;

use cliproxy_core::{ErrorKind, ProviderId, Renewal};

use super::stage::{KEY, Mode, Stage, expect};
use super::subject::Subject;

/// The provider's name is lower-case and stays; formats for generating are named, each once.
pub async fn the_provider_and_its_formats_are_named(subject: Subject) {
    let stage = Stage::set(subject).await;
    let provider = stage.executor.provider();
    assert!(!provider.as_str().is_empty());
    assert_eq!(*provider, ProviderId::normalized(provider.as_str()), "names are lower-case");
    let formats = stage.formats();
    assert!(!formats.is_empty(), "it speaks no format for {}", stage.subject.model);
    let distinct: BTreeSet<_> = formats.iter().map(|format| format.as_str()).collect();
    assert_eq!(distinct.len(), formats.len(), "{formats:?}");
    assert_eq!(stage.formats(), formats, "the formats change from call to call");
}

/// The list of models can be had, twice the same, and no model is in it twice.
pub async fn models_are_listed_without_repeats(subject: Subject) {
    let stage = Stage::set(subject).await;
    let credential = stage.credential(KEY);
    let models = expect(stage.executor.models(&credential).await, "models");
    let names: Vec<_> = models.iter().map(|model| model.id.as_str().to_owned()).collect();
    let distinct: BTreeSet<_> = names.iter().collect();
    assert_eq!(distinct.len(), names.len(), "{names:?}");
    assert!(names.iter().all(|name| !name.trim().is_empty()), "{names:?}");
    let again = expect(stage.executor.models(&credential).await, "models");
    assert_eq!(again.iter().map(|model| model.id.as_str().to_owned()).collect::<Vec<_>>(), names);
}

/// A key is never renewed; asked to, the executor says that it does not and calls nobody.
pub async fn a_credential_that_never_expires_is_not_renewed(subject: Subject) {
    let stage = Stage::set(subject).await;
    let credential = stage.credential(KEY);
    assert_eq!(stage.executor.renewal(&credential), Renewal::Never, "an API key is never renewed");
    let error = stage.executor.refresh(&credential).await.expect_err("there is nothing to renew");
    assert_eq!(error.kind(), ErrorKind::Unsupported);
    assert!(stage.received().is_empty());
}

/// Without streams, `execute_stream` says so before it calls anybody: the caller then asks for a whole reply.
pub async fn streams_are_declined_before_anything_is_sent(subject: Subject) {
    let stage = Stage::set(subject).await;
    stage.upstream.script_all([stage.reply(Mode::Stream)]);
    let attempt = stage.attempt(stage.credential(KEY), Mode::Stream);
    let error = stage.executor.execute_stream(attempt).await.expect_err("it has no streams");
    assert_eq!((error.kind(), error.status()), (ErrorKind::Unsupported, None));
    assert!(stage.received().is_empty(), "it declines after it has called");
}

/// An executor that answers from inside the process answers in each mode and calls nobody.
pub async fn a_reply_comes_in_each_mode(subject: Subject) {
    let stage = Stage::set(subject).await;
    for mode in stage.modes() {
        let got = expect(stage.call(stage.credential(KEY), mode).await, mode);
        assert!(got.status.is_success() && !got.body.is_empty(), "{mode:?}: {got:?}");
    }
    assert!(stage.received().is_empty(), "it calls somebody: it is not `in_process`");
}

/// A body that is no request is an error, never a panic, and never an answer.
pub async fn a_body_that_is_nonsense_is_refused(subject: Subject) {
    let stage = Stage::set(subject).await;
    for body in ["", "{", "\u{1F980}", "\"text\""] {
        for mode in stage.modes() {
            let mut attempt = stage.attempt(stage.credential(KEY), mode);
            attempt.body = body.into();
            let error = stage.send(attempt).await.expect_err(body);
            assert_eq!(error.kind(), ErrorKind::InvalidRequest, "{mode:?} {body:?}");
        }
    }
}
