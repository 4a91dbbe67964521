//! Calls whose arguments come in pieces: Vertex sends them when `streamFunctionCallArguments` asks for it. The first
//! part names the function, the next ones carry values with the path where each belongs, and one that does not say
//! `willContinue` is the last. Source: translation.md F.1 "`partialArgs`/`willContinue`"; Vertex AI reference, "Streaming
//! function call arguments", read 2026-11.

use std::borrow::Cow;
use std::collections::HashMap;

use serde_json::value::RawValue;

use super::super::wire;
use crate::codec::CodecError;
use crate::json::{Text, Writer, wire_struct};
use crate::model::{Args, Part, PartKind, Signature};
use crate::splice::{MAX_DEPTH, TopLevel};

/// A call that is not whole yet.
#[derive(Debug)]
pub(super) struct Partial {
    id: String,
    name: String,
    signature: Option<Signature<'static>>,
    args: Node,
    /// How many members and items paths may still make.
    budget: usize,
}

/// How many members and items the paths of one call may make: a short path can name a place far down a list, and each
/// level of it another. What a provider sends is bounded, what a broken one sends too.
const MOST: usize = 16 * 1024;

wire_struct! {
    struct Holder<'a> { call: wire::FunctionCall<'a> = "functionCall" | "function_call" }
}

impl Partial {
    /// The call, when it is whole: at once as a rule, and with the last piece where it comes in pieces.
    pub(super) fn take<'a>(
        open: &mut Option<Self>,
        raw: &RawValue,
        part: Part<'a>,
    ) -> Result<Option<Part<'a>>, CodecError> {
        let has = |word: &str| memchr::memmem::find(raw.get().as_bytes(), word.as_bytes()).is_some();
        if open.is_none() && !has("illContinue") && !has("ill_continue") && !has("artial") {
            return Ok(Some(part));
        }
        let wire = serde_json::from_str::<Holder<'_>>(raw.get()).ok().and_then(|holder| holder.call);
        let (Some(wire), PartKind::ToolCall(call)) = (wire, &part.kind) else { return Ok(Some(part)) };
        if open.is_some() && !call.name.is_empty() {
            return Err(CodecError::protocol("a call began within the arguments of another"));
        }
        let last = !wire.will_continue.unwrap_or(false);
        if open.is_none() && last && wire.partial_args.is_none() {
            return Ok(Some(part));
        }
        let partial = open.get_or_insert_with(|| Self {
            id: call.id.decoded().into_owned(),
            name: call.name.clone().into_owned(),
            signature: None,
            args: wire.args.map_or(Node::Null, |raw| Node::Raw(raw.get().into())),
            budget: MOST,
        });
        if partial.signature.is_none() {
            partial.signature = part.signature.clone().map(Signature::into_owned);
        }
        for piece in wire.partial_args.unwrap_or_default().0 {
            partial.put(&piece)?;
        }
        Ok(open.take_if(|_| last).map(|whole| whole.into_part(part)))
    }

    fn put(&mut self, piece: &wire::PartialArg<'_>) -> Result<(), CodecError> {
        let path = piece.path.as_ref().map(|path| path.decoded().into_owned()).unwrap_or_default();
        let place = steps(&path)
            .and_then(|steps| {
                let budget = &mut self.budget;
                steps.into_iter().try_fold(&mut self.args, |place, step| step.into(place, budget))
            })
            .ok_or_else(|| CodecError::protocol(format!("no place in the arguments of a call: {path:?}")))?;
        if let Some(text) = &piece.string {
            place.grow(text.reborrow());
        } else if let Some(raw) = piece.number.or(piece.boolean) {
            // As it is written: a number may have more digits than a float.
            *place = Node::Raw(raw.get().into());
        } else if piece.null.is_some() {
            *place = Node::Null;
        }
        Ok(())
    }

    fn into_part(self, last: Part<'_>) -> Part<'_> {
        let PartKind::ToolCall(mut call) = last.kind else { return last };
        call.id = Text::plain(self.id);
        call.name = Cow::Owned(self.name);
        let mut w = Writer::default();
        self.args.write(&mut w);
        let json = String::from_utf8(w.into_bytes()).unwrap_or_default();
        let json = if json.starts_with('{') { json } else { "{}".to_owned() };
        call.args = match RawValue::from_string(json) {
            Ok(raw) => Args::Json(Cow::Owned(raw)),
            Err(_) => call.args,
        };
        Part { kind: PartKind::ToolCall(call), signature: self.signature, ..last }
    }
}

/// Arguments on their way: what no path leads into stays as it was written.
#[derive(Debug)]
enum Node {
    Null,
    Raw(Box<str>),
    Text(Text<'static>),
    Object(Members),
    Array(Vec<Self>),
}

/// The members of an object in their order, and where each is.
#[derive(Debug, Default)]
struct Members {
    all: Vec<(String, Node)>,
    places: HashMap<String, usize>,
}

impl Members {
    fn get(&mut self, key: &str) -> Option<&mut Node> {
        let at = *self.places.get(key)?;
        self.all.get_mut(at).map(|(_, value)| value)
    }

    /// Sets one. Of equal names the last counts.
    fn set(&mut self, key: &str, value: Node) -> &mut Node {
        let at = *self.places.entry(key.to_owned()).or_insert(self.all.len());
        if at == self.all.len() {
            self.all.push((key.to_owned(), Node::Null));
        }
        #[expect(clippy::indexing_slicing, reason = "a place is that of a member")]
        let place = &mut self.all[at].1;
        *place = value;
        place
    }
}

impl Node {
    /// A text, or more of the one that is there.
    fn grow(&mut self, more: Text<'_>) {
        if let Self::Raw(json) = self
            && let Ok(text) = serde_json::from_str::<Text<'_>>(json)
        {
            *self = Self::Text(text.into_owned());
        }
        match self {
            Self::Text(known) => more.push_onto(known),
            place => *place = Self::Text(more.into_owned()),
        }
    }

    /// Takes apart what a path leads into: its members or items, which stay as they are.
    fn open(&mut self) {
        let Self::Raw(json) = self else { return };
        let opened = match json.as_bytes().first() {
            Some(b'{') => TopLevel::scan(json.as_bytes()).ok().map(|object| {
                let mut members = Members::default();
                for (key, value) in object.members() {
                    members.set(key, Self::Raw(String::from_utf8_lossy(value).into()));
                }
                Self::Object(members)
            }),
            Some(b'[') => serde_json::from_str::<Vec<&RawValue>>(json)
                .ok()
                .map(|items| Self::Array(items.into_iter().map(|raw| Self::Raw(raw.get().into())).collect())),
            Some(b'n') => Some(Self::Null),
            _ => None,
        };
        if let Some(opened) = opened {
            *self = opened;
        }
    }

    fn write(&self, w: &mut Writer) {
        match self {
            Self::Null => w.null(),
            Self::Raw(json) => w.raw(json),
            Self::Text(text) => w.text(text),
            Self::Object(members) => {
                w.begin_object();
                for (key, value) in &members.all {
                    w.key(key);
                    value.write(w);
                }
                w.end_object();
            }
            Self::Array(items) => {
                w.begin_array();
                items.iter().for_each(|item| item.write(w));
                w.end_array();
            }
        }
    }
}

#[derive(Debug, PartialEq)]
enum Step {
    Key(String),
    Index(usize),
}

impl Step {
    /// The place below, made where it is not there yet. `None` where something else stands, and beyond the budget.
    fn into<'a>(self, place: &'a mut Node, budget: &mut usize) -> Option<&'a mut Node> {
        place.open();
        match self {
            Self::Key(key) => {
                if matches!(place, Node::Null) {
                    *place = Node::Object(Members::default());
                }
                let Node::Object(members) = place else { return None };
                if members.places.contains_key(&key) {
                    return members.get(&key);
                }
                *budget = budget.checked_sub(1)?;
                Some(members.set(&key, Node::Null))
            }
            Self::Index(at) => {
                if matches!(place, Node::Null) {
                    *place = Node::Array(Vec::new());
                }
                let Node::Array(list) = place else { return None };
                if list.len() <= at {
                    let length = at.checked_add(1)?;
                    *budget = budget.checked_sub(length - list.len())?;
                    list.resize_with(length, || Node::Null);
                }
                list.get_mut(at)
            }
        }
    }
}

/// `$.a.b[0]['c d']`; `None` when it is no such path.
fn steps(path: &str) -> Option<Vec<Step>> {
    let mut rest = path.strip_prefix('$')?;
    let mut steps = Vec::new();
    while !rest.is_empty() {
        if steps.len() == MAX_DEPTH {
            return None;
        }
        if let Some(name) = rest.strip_prefix('.') {
            let end = name.find(['.', '[']).unwrap_or(name.len());
            let (name, after) = name.split_at(end);
            if name.is_empty() {
                return None;
            }
            steps.push(Step::Key(name.to_owned()));
            rest = after;
            continue;
        }
        let inner = rest.strip_prefix('[')?;
        let quote = inner.chars().next().filter(|mark| matches!(mark, '\'' | '"'));
        let (step, after) = match quote {
            Some(mark) => {
                let (name, after) = inner.get(1..)?.split_once(mark)?;
                (Step::Key(name.to_owned()), after.strip_prefix(']')?)
            }
            None => {
                let (number, after) = inner.split_once(']')?;
                (Step::Index(number.parse().ok()?), after)
            }
        };
        steps.push(step);
        rest = after;
    }
    (!steps.is_empty()).then_some(steps)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_lead_to_members_and_items_and_others_nowhere() {
        let key = |name: &str| Step::Key(name.to_owned());
        assert_eq!(
            steps("$.a.b[0]['c d'][\"e\"]").unwrap(),
            [key("a"), key("b"), Step::Index(0), key("c d"), key("e")]
        );
        for wrong in ["", "$", "a", "$.", "$..a", "$[", "$[x]", "$[-1]", "$['a]", "$.a b]["] {
            assert_eq!(steps(wrong), None, "{wrong}");
        }
        assert_eq!(steps(&format!("${}", ".a".repeat(MAX_DEPTH + 1))), None);
        assert!(steps(&format!("${}", ".a".repeat(MAX_DEPTH))).is_some());
    }

    fn call() -> Partial {
        Partial { id: String::new(), name: String::new(), signature: None, args: Node::Null, budget: MOST }
    }

    fn put(call: &mut Partial, path: &str) -> Result<(), CodecError> {
        let piece = serde_json::json!({"jsonPath": path, "numberValue": 1}).to_string();
        call.put(&serde_json::from_str(&piece).unwrap())
    }

    #[test]
    fn the_paths_of_one_call_make_no_more_than_its_budget() {
        // A list in a list in a list, each far down: few bytes, many values.
        assert!(put(&mut call(), &format!("$.a{}", "[1023]".repeat(MAX_DEPTH - 1))).is_err());
        assert!(put(&mut call(), &format!("$.a[{}]", usize::MAX)).is_err());
        assert!(put(&mut call(), &format!("$[{MOST}]")).is_err());
        let mut many = call();
        put(&mut many, &format!("$.a[{}]", MOST - 3)).unwrap();
        put(&mut many, "$.b").unwrap();
        // What is there already costs nothing; what is not is one too many.
        put(&mut many, "$.a[0]").unwrap();
        put(&mut many, "$.b").unwrap();
        assert!(put(&mut many, "$.c").is_err());
        assert!(put(&mut many, &format!("$.a[{}]", MOST - 2)).is_err());
    }
}
