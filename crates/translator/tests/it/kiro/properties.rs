//! What holds of every stream. Source: issue 4, "Proof"; translation.md B56, B62, B92.

use cliproxy_translator::Aggregator;
use cliproxy_translator::model::{Delta, Event};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::{decode, frames, translated};

/// One event of a reply. Tool ids may repeat and interleave, arguments may be anything.
fn event() -> impl Strategy<Value = (&'static str, Value)> {
    prop_oneof![
        "[a-z<>/ é\"\\\\\n]{0,12}|<thinking>|</thinking>|<thi|nking>"
            .prop_map(|text| ("assistantResponseEvent", json!({"content":text}))),
        "[a-z]{1,8}".prop_map(|text| ("reasoningContentEvent", json!({"text":text}))),
        ("[tuv]", "\\{\"a\":1\\}|\\{\"a|\":1\\}|[{}a\",\n]{0,6}", any::<bool>()).prop_map(
            |(id, input, stop)| {
                ("toolUseEvent", json!({"toolUseId":id,"name":"f","input":input,"stop":stop}))
            }
        ),
        (0_u32..500, 0_u32..500, 0_u32..500).prop_map(|(input, cached, output)| {
            let counts =
                json!({"uncachedInputTokens":input,"cacheReadInputTokens":cached,"outputTokens":output});
            ("metadataEvent", json!({"tokenUsage":counts}))
        }),
        (0.0..100.0).prop_map(|part: f64| ("contextUsageEvent", json!({"contextUsagePercentage":part}))),
        Just(("messageStopEvent", json!({"stopReason":"MAX_TOKENS"}))),
    ]
}

proptest! {
    #[test]
    fn any_chunking_gives_the_same_events_and_every_argument_is_json(
        stream in prop::collection::vec(event(), 0..14),
        size in 1_usize..60,
    ) {
        let bytes = frames(&stream);
        let read = |size: usize| {
            let mut seen = Vec::new();
            let result = decode(&bytes, size, &mut |event| seen.push(format!("{event:?}")));
            (seen, result)
        };
        let whole = read(usize::MAX);
        prop_assert_eq!(&read(size), &whole);

        let (mut ended, mut finishes, mut open) = (false, 0, Vec::new());
        let mut bad = None;
        let mut aggregator = Aggregator::new();
        let result = decode(&bytes, usize::MAX, &mut |event| {
            match &event {
                Event::Delta { delta: Delta::Args(text), .. }
                    if serde_json::from_str::<Value>(&text.decoded()).is_err() =>
                {
                    bad = Some(text.decoded().into_owned());
                }
                Event::BlockStart { block, .. } => open.push(*block),
                Event::BlockStop { block } => open.retain(|known| known != block),
                Event::Finish { .. } => finishes += 1,
                Event::End => ended = true,
                _ => {}
            }
            aggregator.push(event);
        });
        prop_assert_eq!(bad, None);
        prop_assert_eq!(result.is_ok(), ended);
        if ended {
            prop_assert!(open.is_empty() && finishes == 1);
            let usage = aggregator.finish().unwrap().usage.unwrap_or_default();
            let total = usage.input.unwrap_or(0) + usage.output.unwrap_or(0);
            prop_assert_eq!(usage.total(), total, "usage adds up: {:?}", usage);
            prop_assert!(usage.cache_read.unwrap_or(0) <= usage.input.unwrap_or(u64::MAX));
            for client in ["openai", "openai-response", "claude", "gemini"] {
                prop_assert!(!translated(client, &bytes).is_empty());
            }
        }
    }
}
