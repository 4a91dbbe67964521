//! Canonical requests for a provider of this format. Source: translation.md D.7, A.16, B12 to B16, B21, B22, B25,
//! B27, B36.

use crate::codec::{CodecError, Encoded, Profile};
use crate::json::{Text, Writer};
use crate::loss::{Loss, Said, Slots, loss, named, tell};
use crate::model::{Issuer, Media, MediaClass, MediaSource, Part, PartKind, Request, Role, ServerPart};
use crate::names::NameMap;
use crate::pass::form;
use crate::pass::index::NameIndex;
use crate::pass::media::media_of;
use crate::pass::names::openai_names;
use crate::pass::turns::{OutPart, TurnPolicy, arrange};

use super::{CHAT, COMPLETIONS};

mod message;
mod options;
mod part;
mod tools;

/// What every piece of the encoder knows.
struct Target<'r> {
    profile: &'r Profile,
    /// The request came in this format: its extensions mean the same to a lenient target.
    own: bool,
    /// The request came in a format of the same vendor.
    family: bool,
    /// Free-form tools go out as such; otherwise as functions with one string (B10).
    custom: bool,
    /// The form of the output is asked for in words.
    worded: bool,
    /// The names of the tools that are free-form.
    custom_tools: NameIndex<'r>,
    names: NameMap,
}

impl Target<'_> {
    /// Members that only some services know may go out.
    fn extensions(&self) -> bool {
        self.own && !self.profile.strict
    }

    /// What the format has words for here, and what the encoder tells itself.
    fn says(&self) -> Slots {
        SAYS.when(self.family, Slots::all(&[Slots::SAFETY_IDENTIFIER, Slots::VERBOSITY]))
            .when(self.own, OWN)
            .when(self.profile.reasoning_object, Slots::SUMMARY)
            .when(self.extensions(), EXTENSIONS)
    }

    /// Members of the client's format that go to a strict target too.
    fn members(&self) -> &'static [&'static str] {
        if self.own { &OWN_MEMBERS } else { &[] }
    }

    /// Whether calls of the tool are free text.
    fn is_custom(&self, name: &str) -> bool {
        self.custom && self.custom_tools.has(name)
    }

    /// Why a medium cannot be sent.
    fn refuses(&self, media: &Media<'_>) -> Option<&'static str> {
        match (&media.source, media.class) {
            (MediaSource::Text(_) | MediaSource::Parts(_), _) | (_, MediaClass::Image) if !is_file(media) => {
                None
            }
            (MediaSource::File(_), MediaClass::Document) if self.family => None,
            (MediaSource::File(_), _) => {
                Some("a file in another provider's store cannot be sent; send its data")
            }
            (MediaSource::Url(_), MediaClass::Audio) => Some("audio by URL cannot be sent; send its data"),
            (MediaSource::Url(_), MediaClass::Document) if self.profile.strict => {
                Some("a document by URL cannot be sent; send its data")
            }
            (_, MediaClass::Video) if self.profile.strict => Some("the provider takes no video"),
            _ => None,
        }
    }

    /// Whether what a tool returned can be shown, in its answer or behind it.
    fn shows(&self, media: &Media<'_>) -> bool {
        self.refuses(media).is_none() && !(media.class == MediaClass::Image && self.is_blind())
    }

    /// Whether the model is known to take no images.
    fn is_blind(&self) -> bool {
        self.profile.info.as_ref().is_some_and(|info| {
            !info.input.is_empty() && !info.input.contains(&cliproxy_core::Modality::Image)
        })
    }
}

/// What is said of any client's request.
const SAYS: Slots = Slots::all(&[
    Slots::TEMPERATURE,
    Slots::TOP_P,
    Slots::TOP_K,
    Slots::FREQUENCY_PENALTY,
    Slots::PRESENCE_PENALTY,
    Slots::LOGIT_BIAS,
    Slots::SEED,
    Slots::STOP,
    Slots::LOGPROBS,
    Slots::TOP_LOGPROBS,
    Slots::FORMAT_NAME,
    Slots::FORMAT_DESCRIPTION,
    Slots::FORMAT_STRICT,
    Slots::USER,
    Slots::PROMPT_CACHE_KEY,
    Slots::METADATA,
    Slots::SERVICE_TIER,
    Slots::PARALLEL_TOOLS,
    Slots::SPEAKER,
    Slots::DETAIL,
    Slots::FILE_NAME,
    Slots::PARTS_NAME,
    Slots::LINK_NAME,
    Slots::STORED_FILE,
    Slots::SOUND,
    Slots::FILM,
    Slots::STRICT_TOOL,
    Slots::GRAMMAR,
]);

/// What only a client of this format says.
const OWN: Slots =
    Slots::all(&[Slots::MODALITIES, Slots::AUDIO, Slots::PREDICTION, Slots::SUMMARY, Slots::STREAM_OPTIONS]);

/// What only some services take.
const EXTENSIONS: Slots =
    Slots::all(&[Slots::CACHE, Slots::BODY_CACHE, Slots::SIGNATURE, Slots::SESSION, Slots::OWN_MEMBERS]);

/// Documented members that the model has no place for. Source: translation.md F.1.
const OWN_MEMBERS: [&str; 6] = [
    "store",
    "moderation",
    "web_search_options",
    "prompt_cache_retention",
    "prompt_cache_options",
    "prompt_cache_breakpoint",
];

pub(super) fn request(request: &Request<'_>, profile: &Profile) -> Result<Encoded, CodecError> {
    let own = request.source == CHAT;
    let target = Target {
        profile,
        own,
        family: own || matches!(request.source, COMPLETIONS | "openai-response" | "codex"),
        // OpenAI itself has them; of another service only a client of this format can know.
        custom: own || profile.strict,
        // Other services take any schema.
        worded: !own
            && (profile.strict || profile.short_call_ids)
            && form::is_no_object(request.output.format.as_ref()),
        custom_tools: super::custom_tools(&request.tools).collect(),
        names: openai_names(request),
    };
    let mut kept = Kept::default();
    let mut arranged =
        arrange(request, &TurnPolicy::chat(), &mut |role, part| kept.keep(&target, role, part));
    if let Some(refused) = kept.refused {
        return Err(refused);
    }
    let mut losses = arranged.losses.clone();
    losses.append(&mut kept.losses);
    if target.worded {
        form::ask(&mut arranged, request.output.format.as_ref(), form::NO_OBJECT, &mut losses);
    }
    let said = Said { slots: target.says(), members: target.members(), why: "the format has no word for it" };
    tell(request, &arranged, said, &mut losses);

    let mut w = Writer::new(profile.room());
    w.begin_object();
    w.field_string("model", &profile.model);
    w.key("messages");
    message::write_all(&mut w, &target, request, &arranged);
    let declared = tools::write(&mut w, &target, request, &mut losses);
    if declared {
        tools::write_choice(&mut w, &target, request, &mut losses);
    }
    options::write(&mut w, &target, request, &mut losses)?;
    w.end_object();
    Ok(Encoded { body: w.into_bytes(), names: target.names, losses, ..Encoded::default() })
}

/// What the format can say of a conversation.
#[derive(Default)]
struct Kept {
    losses: Vec<Loss>,
    /// What must not be dropped silently.
    refused: Option<CodecError>,
}

impl Kept {
    fn keep<'r>(&mut self, target: &Target<'_>, role: Role, part: &'r Part<'r>) -> Option<OutPart<'r>> {
        let fine = match &part.kind {
            PartKind::Text { .. } | PartKind::ToolCall(_) => true,
            PartKind::ToolResult(result) => {
                if media_of(&result.content).any(|media| !target.shows(media)) {
                    loss(&mut self.losses, "message.media", "it cannot be sent: it is named in words");
                }
                true
            }
            PartKind::Refusal(_) => role == Role::Assistant,
            PartKind::Reasoning(_) => self.reasoning(target, role, part),
            PartKind::Media(media) => self.media(target, role, media),
            PartKind::Server(ServerPart { kind, .. }) => {
                named(
                    &mut self.losses,
                    "message",
                    kind,
                    "the format has no tools of the provider in history",
                );
                false
            }
            PartKind::Opaque(opaque) => {
                if role == Role::User && opaque.kind == "search_result" {
                    // What the user found belongs to the question: as text, as in the answers of tools.
                    return Some(OutPart::made(Part::text(Text::plain(opaque.raw.get()))));
                }
                let fine = target.own && opaque.format == CHAT;
                if !fine {
                    named(&mut self.losses, "message", &opaque.kind, "only its own format can say it");
                }
                fine
            }
        };
        fine.then(|| OutPart::kept(part))
    }

    /// Source: translation.md B36, E111 to E115: thoughts go to whoever signed them, and to services that take
    /// them back unsigned.
    fn reasoning(&mut self, target: &Target<'_>, role: Role, part: &Part<'_>) -> bool {
        let PartKind::Reasoning(reasoning) = &part.kind else { return false };
        let says = reasoning.summary.iter().chain(&reasoning.raw).any(|text| !text.is_empty());
        if role != Role::Assistant || !says {
            loss(
                &mut self.losses,
                "message.thinking",
                "the format has words for thoughts alone, not for their state",
            );
            return false;
        }
        let of_gpt = part.signature.as_ref().is_some_and(|signature| signature.issuer == Issuer::Gpt);
        let fine = target.profile.keeps_reasoning_text || !target.profile.strict && (of_gpt || target.own);
        if !fine {
            loss(&mut self.losses, "message.thinking", "the provider does not take thoughts back");
        }
        fine
    }

    /// Only users send media here.
    fn media(&mut self, target: &Target<'_>, role: Role, media: &Media<'_>) -> bool {
        if role != Role::User {
            loss(&mut self.losses, "message.media", "only user messages carry media");
            return false;
        }
        let refused = target.refuses(media);
        if let Some(why) = refused {
            self.refused.get_or_insert_with(|| CodecError::inexpressible(why).with_param("messages"));
        }
        refused.is_none()
    }
}

fn is_file(media: &Media<'_>) -> bool {
    matches!(media.source, MediaSource::File(_))
}
