//! What moves on, and what does not.

use cliproxy_conductor::Options;
use cliproxy_core::ErrorKind;

use crate::fakes::{Play, read, world};

#[tokio::test(start_paused = true)]
async fn a_failing_key_moves_the_request_to_the_next() {
    for play in [
        Play::Reply(401, None, "{}"),
        Play::Reply(402, None, "{}"),
        Play::Reply(403, None, "{}"),
        Play::Reply(404, None, "{}"),
        Play::Reply(429, None, "{}"),
        Play::Reply(500, None, "{}"),
        Play::Reply(503, None, "{}"),
        Play::Reply(529, None, "{}"),
        Play::Fail(ErrorKind::Connect),
        Play::Fail(ErrorKind::Timeout),
        Play::Fail(ErrorKind::Interrupted),
        Play::Fail(ErrorKind::EmptyStream),
        Play::Fail(ErrorKind::ModelNotSupported),
        Play::Fail(ErrorKind::InvalidGrant),
        Play::Fail(ErrorKind::Misconfigured),
    ] {
        let world = world(Options::default());
        world.keys(&["a", "b", "c"]);
        world.script.next("a", [play.clone()]);
        world.script.next("b", [play.clone()]);
        let answer = world.ask("m").await;
        assert!(answer.result.is_ok(), "{play:?}: {:?}", answer.result);
        assert_eq!(world.script.tried(), ["a", "b", "c"], "{play:?}");
        assert_eq!(answer.credential.as_deref(), Some("c"));
    }
}

#[tokio::test(start_paused = true)]
async fn a_stream_moves_on_before_its_first_event() {
    let world = world(Options::default());
    world.keys(&["a", "b"]);
    world.script.next("a", [Play::Fail(ErrorKind::Overloaded)]);
    world.script.next("b", [Play::Stream]);
    let answer = world.ask_stream("m").await;
    assert_eq!(read(answer.result.unwrap()).await.len(), 3);
    assert_eq!(world.script.tried(), ["a", "b"]);
}
