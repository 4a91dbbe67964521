//! Services say the end of a reply in words of each other's formats, and in some of their own.
//! Source: translation.md B51, B52.

use serde_json::json;

use super::cut::{is_called, reply, steps, streamed, whole};
use crate::grid::codec;
use crate::wire::script::{End, Step};

/// Words, and what they are for clients of Claude's, Chat Completions' and Gemini's.
const WORDS: [(&str, [&str; 3]); 24] = [
    ("stop", ["end_turn", "stop", "STOP"]),
    ("STOP", ["end_turn", "stop", "STOP"]),
    ("end_turn", ["end_turn", "stop", "STOP"]),
    ("completed", ["end_turn", "stop", "STOP"]),
    ("pause_turn", ["pause_turn", "stop", "STOP"]),
    ("length", CUT),
    ("max_tokens", CUT),
    ("MAX_TOKENS", CUT),
    ("max_output_tokens", CUT),
    ("time_limit", CUT),
    ("cancelled", CUT),
    ("abort", CUT),
    ("repetition", CUT),
    ("model_context_window_exceeded", ["model_context_window_exceeded", "length", "MAX_TOKENS"]),
    ("model_length", ["model_context_window_exceeded", "length", "MAX_TOKENS"]),
    ("content_filter", FILTERED),
    ("content_filtered", FILTERED),
    ("refusal", FILTERED),
    ("sensitive", FILTERED),
    ("SAFETY", FILTERED),
    ("PROHIBITED_CONTENT", ["refusal", "content_filter", "PROHIBITED_CONTENT"]),
    ("content_filter: PROHIBITED_CONTENT", FILTERED),
    ("MALFORMED_FUNCTION_CALL", BROKEN),
    ("function_call_filter: MALFORMED_FUNCTION_CALL", BROKEN),
];
const CUT: [&str; 3] = ["max_tokens", "length", "MAX_TOKENS"];
const FILTERED: [&str; 3] = ["refusal", "content_filter", "SAFETY"];
const BROKEN: [&str; 3] = ["end_turn", "stop", "MALFORMED_FUNCTION_CALL"];

/// Whether a reply that ends so was stopped.
fn is_stopped(ends: [&str; 3]) -> bool {
    ends[1] != "stop" || ends == BROKEN
}

#[test]
fn b51_every_service_may_say_the_words_of_any() {
    for (word, ends) in WORDS {
        for (client, end) in ["claude", "openai", "gemini"].into_iter().zip(ends) {
            for provider in ["openai", "claude", "gemini"] {
                if codec(provider).family() == codec(client).family() {
                    continue;
                }
                let said = vec![Step::Say(vec!["said".to_owned()])];
                let (out, losses) = streamed(provider, client, said, End::Other(word)).unwrap();
                let what = format!("{word:?} of {provider} to {client}: {losses:?}: {out}");
                assert!(out.contains(&format!("\"{end}\"")), "{what}");
                let lost = ends == BROKEN && (client != "gemini" || word.contains(':'));
                assert_eq!(losses, if lost { vec!["finish_reason"] } else { vec![] }, "{what}");
            }
        }
    }
}

/// Whole replies are read with the same eyes.
#[test]
fn b51_a_whole_reply_ends_in_the_same_words() {
    for (word, ends) in WORDS {
        let mut said = reply("openai", "", word);
        said["choices"][0]["message"] = json!({"role": "assistant", "content": "said"});
        let (body, _) = whole("openai", "claude", &said).unwrap();
        assert_eq!(body["stop_reason"], ends[0], "{word}");
        // A filter may leave nothing at all; a reply that says that it is whole has a message.
        said["choices"][0].as_object_mut().unwrap().remove("message");
        match whole("openai", "claude", &said) {
            Ok((body, _)) if is_stopped(ends) => assert_eq!(body["stop_reason"], ends[0], "{word}"),
            Err(error) if !is_stopped(ends) => {
                assert!(error.contains("choices[0]") && error.contains("message"), "{word}: {error}");
            }
            other => panic!("{word}: {other:?}"),
        }
        let mut said = reply("claude", "{}", word);
        said["content"] = json!([{"type": "text", "text": "said"}]);
        let (body, _) = whole("claude", "openai", &said).unwrap();
        assert_eq!(body["choices"][0]["finish_reason"], ends[1], "{word}");
    }
}

/// Behind such a word a call may be cut, and is no broken reply.
#[test]
fn half_a_call_behind_a_word_of_another_format_is_a_cut_one() {
    for (word, _) in WORDS.into_iter().filter(|(_, ends)| is_stopped(*ends)) {
        for (provider, client) in
            [("openai", "gemini"), ("claude", "gemini"), ("openai", "claude"), ("claude", "openai")]
        {
            let (out, losses) = streamed(provider, client, steps("{\"a\":"), End::Other(word)).unwrap();
            let what = format!("{word:?} of {provider} to {client}: {losses:?}: {out}");
            assert_eq!(is_called(&out), client != "gemini", "{what}");
            assert_eq!(losses.contains(&"message.tool_call".to_owned()), client == "gemini", "{what}");
        }
        let (body, losses) = whole("openai", "claude", &reply("openai", "{\"a\":", word)).unwrap();
        assert!(!is_called(&body.to_string()), "{word}: {body}");
        assert!(losses.contains(&"message.tool_call".to_owned()), "{word}: {losses:?}");
    }
}
