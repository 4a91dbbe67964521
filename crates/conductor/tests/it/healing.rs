//! Whatever happens, the pool heals.

use cliproxy_conductor::Options;
use cliproxy_core::{Dispatcher, ErrorKind};
use proptest::prelude::*;

use crate::fakes::{Play, read, sleep, world};

fn plays() -> impl Strategy<Value = Play> {
    prop_oneof![
        Just(Play::Whole),
        Just(Play::Stream),
        Just(Play::Cut),
        Just(Play::Broken(ErrorKind::RateLimited)),
        Just(Play::Broken(ErrorKind::Interrupted)),
        (
            prop::sample::select(vec![400_u16, 401, 402, 403, 404, 408, 413, 429, 500, 503, 529]),
            prop::option::of(0_u64..200_000)
        )
            .prop_map(|(status, hint)| Play::Reply(status, hint, "{}")),
        (1_u64..200_000).prop_map(Play::AccountLimit),
        prop::sample::select(vec![
            ErrorKind::Connect,
            ErrorKind::Timeout,
            ErrorKind::EmptyStream,
            ErrorKind::Challenge,
            ErrorKind::ModelNotSupported,
            ErrorKind::InvalidGrant,
            ErrorKind::Unsupported,
            ErrorKind::Internal,
            ErrorKind::Cancelled,
        ])
        .prop_map(Play::Fail),
        Just(Play::Hang),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_pool_always_heals(
        script in prop::collection::vec((0_usize..3, plays(), 0_u64..4000, any::<bool>()), 1..40),
        retry in 0_u32..3,
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .unwrap();
        runtime.block_on(async {
            let mut options = Options::default();
            options.request_retry = retry;
            options.max_retry_interval = std::time::Duration::from_secs(30);
            let world = world(options);
            let ids = ["a", "b", "c"];
            world.keys(&ids);
            for (which, play, pause, stream) in script {
                world.script.next(ids[which], [play]);
                let request = crate::fakes::request("m").with_stream(stream);
                // Whoever waits too long goes away.
                let patience = std::time::Duration::from_secs(60);
                let answer = tokio::time::timeout(patience, world.conductor.dispatch(request)).await;
                if let Ok(answer) = answer
                    && let Ok(reply @ cliproxy_core::UpstreamReply::Stream(_)) = answer.result
                {
                    read(reply).await;
                }
                sleep(pause).await;
            }
            for id in ids {
                world.script.clear(id);
            }
            // The longest window is half a day; whatever was half open is probed by the first request.
            sleep(13 * 3600).await;
            for _ in 0..6 {
                let answer = world.ask("m").await;
                assert!(answer.result.is_ok(), "{}", answer.explanation);
            }
            let mut served = world.script.tried();
            served.sort();
            served.dedup();
            assert_eq!(served.len(), 3, "everybody serves again");
            for id in ids {
                assert!(world.is_ready(id, "m"));
                let status = world.conductor.credential(&cliproxy_core::CredentialId::new(id)).unwrap();
                assert_eq!(status.in_flight, 0);
            }
        });
    }
}
