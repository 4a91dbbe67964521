//! What of a request its target has no words for.

use std::borrow::Cow;

use serde_json::value::RawValue;

use super::{Loss, Slots, loss, named, says_nothing};
use crate::json::Extras;
use crate::model::request::RESPONSE_SCHEMA;
use crate::model::{
    Media, MediaClass, MediaSource, Namespace, OutputFormat, Part, PartKind, ReasoningMode, Request, Summary,
    Tool, ToolResult,
};
use crate::pass::turns::Arranged;

/// What a target can say.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Said<'s> {
    /// What it has words for, and what its encoder tells itself.
    pub(crate) slots: Slots,
    /// Members that only the client's format has and that mean something to this target.
    pub(crate) members: &'s [&'s str],
    /// Why the rest goes.
    pub(crate) why: &'static str,
}

/// Tells what is there and has no words. What `arranged` left out is told already; members of the body are told where
/// the client's format is another.
pub(crate) fn tell(request: &Request<'_>, arranged: &Arranged<'_>, said: Said<'_>, losses: &mut Vec<Loss>) {
    let mut scan = Scan { said, found: Slots::NONE, losses };
    scan.options(request);
    for part in &arranged.system {
        scan.part(part.part(), part.cache().is_some());
    }
    for part in arranged.turns.iter().flat_map(|turn| &turn.parts) {
        scan.part(part.part(), part.cache().is_some());
    }
    // What is merged or answered has none of it any more.
    for turn in &request.turns {
        scan.note(Slots::SPEAKER, turn.name.is_some());
        scan.own("message", &turn.extras);
    }
    for tool in &request.tools {
        scan.tool(tool);
    }
    scan.own_of_body(request);
    let (found, why) = (scan.found, said.why);
    if !found.is_empty() {
        for word in found.words() {
            loss(losses, word, why);
        }
    }
}

struct Scan<'s> {
    said: Said<'s>,
    found: Slots,
    losses: &'s mut Vec<Loss>,
}

impl Scan<'_> {
    fn note(&mut self, slot: Slots, is_there: bool) {
        if is_there && !self.said.slots.has(slot) {
            self.found = self.found.with(slot);
        }
    }

    fn options(&mut self, request: &Request<'_>) {
        let (sampling, output, identity) = (&request.sampling, &request.output, &request.identity);
        self.note(Slots::TEMPERATURE, sampling.temperature.is_some());
        self.note(Slots::TOP_P, sampling.top_p.is_some());
        self.note(Slots::TOP_K, sampling.top_k.is_some());
        self.note(Slots::FREQUENCY_PENALTY, sampling.frequency_penalty.is_some());
        self.note(Slots::PRESENCE_PENALTY, sampling.presence_penalty.is_some());
        self.note(Slots::LOGIT_BIAS, sampling.logit_bias.is_some());
        self.note(Slots::SEED, sampling.seed.is_some());
        self.note(Slots::STOP, !sampling.stop.is_empty());
        self.note(Slots::LOGPROBS, sampling.logprobs == Some(true));
        self.note(Slots::TOP_LOGPROBS, sampling.top_logprobs.is_some());
        self.note(Slots::VERBOSITY, output.verbosity.is_some());
        self.note(Slots::MODALITIES, output.modalities.is_some());
        self.note(Slots::AUDIO, output.audio.is_some());
        self.note(Slots::PREDICTION, output.prediction.is_some());
        self.note(Slots::USER, identity.user.is_some());
        self.note(Slots::SAFETY_IDENTIFIER, identity.safety_identifier.is_some());
        self.note(Slots::PROMPT_CACHE_KEY, identity.prompt_cache_key.is_some());
        self.note(Slots::METADATA, identity.metadata.is_some());
        self.note(Slots::SERVICE_TIER, request.service_tier.is_some());
        self.note(Slots::PARALLEL_TOOLS, request.parallel_tools == Some(false) && !request.tools.is_empty());
        self.note(Slots::BODY_CACHE, request.cache.is_some());
        if let Some(options) = &request.stream.options
            && !self.said.slots.has(Slots::STREAM_OPTIONS)
        {
            // Usage is asked for, whatever the client says.
            super::members(self.losses, "stream_options", options.get(), &["include_usage"], self.said.why);
        }
        if let Some(OutputFormat::JsonSchema { name, description, strict, .. }) = &output.format {
            self.note(Slots::FORMAT_NAME, name.is_some());
            self.note(Slots::FORMAT_DESCRIPTION, description.is_some());
            self.note(Slots::FORMAT_STRICT, *strict == Some(true));
        }
        let asks = match &request.reasoning.summary {
            Summary::Unspecified => false,
            // A Chat client asks for an amount, and that asks to see the thoughts.
            Summary::Enabled(Some(_)) => request.source != "openai",
            Summary::Disabled => request.reasoning.mode != Some(ReasoningMode::Off),
            Summary::Enabled(None) => true,
        };
        self.note(Slots::SUMMARY, asks);
        // Claude's is a part of its user's id.
        self.note(Slots::SESSION, identity.session.is_some() && request.source != "claude");
    }

    fn part(&mut self, part: &Part<'_>, marked: bool) {
        self.note(Slots::CACHE, marked);
        if !part.extras.is_empty() {
            self.own("message", &part.extras);
        }
        match &part.kind {
            PartKind::Text { citations, .. } => {
                self.note(Slots::CITATIONS, citations.is_some());
                self.note(Slots::SIGNATURE, part.signature.is_some());
            }
            PartKind::Media(media) => {
                self.note(Slots::SIGNATURE, part.signature.is_some());
                self.media(media);
            }
            PartKind::ToolResult(result) => self.result(result),
            // Of thoughts, whoever keeps them knows whether their state goes along.
            PartKind::Reasoning(_) => {}
            _ => self.note(Slots::SIGNATURE, part.signature.is_some()),
        }
    }

    fn media(&mut self, media: &Media<'_>) {
        self.note(Slots::DETAIL, media.detail.as_ref().is_some_and(|detail| *detail != "auto"));
        // A text has its title in front.
        if media.name.is_some() && !matches!(media.source, MediaSource::Text(_)) {
            let slot = match (media.class, &media.source) {
                (MediaClass::Document, MediaSource::Url(_)) => Slots::LINK_NAME,
                (MediaClass::Document, MediaSource::File(_)) => Slots::STORED_NAME,
                (MediaClass::Document, MediaSource::Parts(_)) => Slots::PARTS_NAME,
                (MediaClass::Document, _) => Slots::FILE_NAME,
                _ => Slots::IMAGE_NAME,
            };
            self.note(slot, true);
        }
        self.note(Slots::CONTEXT, media.context.is_some());
        self.note(Slots::CITED_DOCUMENT, media.citations.is_some());
        self.note(Slots::STORED_FILE, matches!(media.source, MediaSource::File(_)));
        self.note(Slots::SOUND, media.class == MediaClass::Audio);
        self.note(Slots::FILM, media.class == MediaClass::Video);
        if let MediaSource::Parts(parts) = &media.source {
            parts.iter().for_each(|part| self.part(part, part.cache.is_some()));
        }
    }

    fn result(&mut self, result: &ToolResult<'_>) {
        result.content.iter().for_each(|part| self.part(part, part.cache.is_some()));
    }

    fn tool(&mut self, tool: &Tool<'_>) {
        match tool {
            Tool::Function(tool) => {
                self.namespace(tool.namespace.as_ref());
                self.note(Slots::STRICT_TOOL, tool.strict == Some(true));
                self.note(Slots::CACHE, tool.cache.is_some());
                self.own("tools", &tool.extras);
            }
            Tool::Custom(tool) => {
                self.namespace(tool.namespace.as_ref());
                self.note(Slots::GRAMMAR, tool.format.is_some());
                self.own("tools", &tool.extras);
            }
            // What becomes of them is told one by one.
            Tool::Builtin(_) => {}
        }
    }

    /// Its name is a part of the tool's.
    fn namespace(&mut self, space: Option<&Namespace<'_>>) {
        let described =
            space.and_then(|space| space.description.as_ref()).is_some_and(|text| !text.is_empty());
        self.note(Slots::NAMESPACE, described);
    }

    /// Members that only their own format has.
    fn own(&mut self, within: &str, extras: &[(Cow<'_, str>, &RawValue)]) {
        if extras.is_empty() || self.said.slots.has(Slots::OWN_MEMBERS) {
            return;
        }
        for (key, raw) in extras {
            if !is_read(key) && !self.said.members.contains(&&**key) && !says_nothing(key, raw.get()) {
                let key = key.strip_prefix("tool.").unwrap_or(key);
                named(self.losses, within, key, self.said.why);
            }
        }
    }

    fn own_of_body(&mut self, request: &Request<'_>) {
        if request.extras.is_empty() || self.said.slots.has(Slots::OWN_MEMBERS) {
            return;
        }
        for (key, raw) in &request.extras {
            if is_read_of_body(request, key)
                || self.said.members.contains(&&**key)
                || says_nothing(key, raw.get())
            {
                continue;
            }
            match &**key {
                "toolConfig" => {
                    let known = ["functionCallingConfig", "function_calling_config"];
                    super::members(self.losses, "toolConfig", raw.get(), &known, self.said.why);
                }
                "include" if includes_only(raw.get(), &INCLUDED) => {}
                key => named(self.losses, "", key, self.said.why),
            }
        }
    }
}

/// Members of messages, parts and tools that a decoder has read into the model, or by which a service finds what it
/// keeps itself: they are kept for the way back alone.
fn is_read(key: &str) -> bool {
    matches!(
        key,
        "id" | "status"
            | "thought"
            | "parameters"
            | "reasoning_details"
            | "extra_content"
            | "functionResponse.response"
            | "inlineData.mimeType"
            | "fileData.mimeType"
    )
}

/// The same of a body.
fn is_read_of_body(request: &Request<'_>, key: &str) -> bool {
    match key {
        RESPONSE_SCHEMA | "instructions" | "session_id" | "conversation_id" | "conversation" => true,
        "reasoning" | "thinking" | "extra_body" | "enable_thinking" | "include_reasoning" => {
            request.source == "openai"
                && (request.reasoning.mode.is_some() || request.reasoning.summary != Summary::Unspecified)
        }
        _ => false,
    }
}

/// Whether a list of what a reply is to include has nothing but some of these.
pub(crate) fn includes_only(json: &str, known: &[&str]) -> bool {
    let wanted: Vec<Cow<'_, str>> = serde_json::from_str(json).unwrap_or_default();
    wanted.iter().all(|what| known.contains(&&**what))
}

/// Encrypted thoughts always come back, and log probabilities have a place of their own.
const INCLUDED: [&str; 2] = ["reasoning.encrypted_content", "message.output_text.logprobs"];

/// For requests whose format is the target's own: nothing is told but what the target refuses.
pub(crate) fn refused(
    extras: &Extras<'_>,
    refuses: impl Fn(&str) -> bool,
    why: &'static str,
    losses: &mut Vec<Loss>,
) {
    for (key, raw) in extras {
        if refuses(key) && !says_nothing(key, raw.get()) {
            named(losses, "", key, why);
        }
    }
}
