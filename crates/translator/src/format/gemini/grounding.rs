//! `groundingMetadata` as citations of the text: `{url, title}` with the place in the text, which other formats make
//! their annotations of. Source: translation.md A.4 "Citation", B85, F42.

use std::borrow::Cow;
use std::collections::HashSet;

use serde_json::value::RawValue;

use crate::json::{List, Raw, Text, Writer, wire_struct};
use crate::model::ServerPart;
use crate::pass::searches::{Page, Search};

wire_struct! {
    struct Grounding<'a> {
        chunks: List<Chunk<'a>> = "groundingChunks" | "grounding_chunks",
        supports: List<Support<'a>> = "groundingSupports" | "grounding_supports",
    }
}

wire_struct! {
    struct Chunk<'a> { web: Source<'a> = "web", context: Source<'a> = "retrievedContext" | "retrieved_context" }
}

wire_struct! {
    struct Source<'a> { uri: Text<'a> = "uri", title: Text<'a> = "title" }
}

wire_struct! {
    struct Support<'a> {
        segment: Segment<'a> = "segment",
        chunks: List<usize> = "groundingChunkIndices" | "grounding_chunk_indices",
    }
}

wire_struct! {
    struct Segment<'a> {
        start: u64 = "startIndex" | "start_index",
        end: u64 = "endIndex" | "end_index",
        text: Text<'a> = "text",
    }
}

/// The citations that are told of one text.
#[derive(Debug, Default)]
pub(super) struct Told(HashSet<String>);

impl Told {
    /// Takes note of a citation. False for one that is told: without a place every support of a source says the same (E486),
    /// and streams tell again what they found before.
    fn take(&mut self, citation: &RawValue) -> bool {
        let is_new = !self.0.contains(citation.get());
        if is_new {
            self.0.insert(citation.get().to_owned());
        }
        is_new
    }
}

/// The citations that are not told yet. Gemini counts bytes, everybody else characters: places are told where both are the
/// same (`ascii`), and else a citation is one of the whole text.
pub(super) fn citations(raw: &RawValue, ascii: bool, told: &mut Told) -> Vec<Raw<'static>> {
    let Ok(grounding) = serde_json::from_str::<Grounding<'_>>(raw.get()) else { return Vec::new() };
    let chunks = grounding.chunks.unwrap_or_default().0;
    let sources: Vec<_> = chunks.iter().map(|chunk| chunk.web.as_ref().or(chunk.context.as_ref())).collect();
    let supports = grounding.supports.unwrap_or_default().0;
    let source = |at: usize| sources.get(at).copied().flatten();
    if supports.is_empty() {
        let all = sources.iter().flatten().filter_map(|source| citation(source, None, None));
        return all.filter(|new| told.take(new)).collect();
    }
    let cited = supports.iter().flat_map(|support| {
        let segment = support.segment.as_ref();
        let place =
            segment.and_then(|segment| Some((segment.start.unwrap_or(0), segment.end?))).filter(|_| ascii);
        let indices = support.chunks.as_ref().map_or(&[][..], |list| &list.0);
        let text = segment.and_then(|segment| segment.text.as_ref());
        indices.iter().filter_map(move |at| Some((source(*at)?, place, text)))
    });
    let mut all: Vec<Raw<'static>> = Vec::new();
    for (source, place, text) in cited {
        let without = citation(source, None, text);
        match place {
            // With its place, of a text that was ASCII so far.
            Some(place) => {
                all.extend(citation(source, Some(place), text).filter(|new| told.take(new)));
                without.iter().for_each(|plain| _ = told.take(plain));
            }
            None => all.extend(without.filter(|new| told.take(new))),
        }
    }
    all
}

fn citation(source: &Source<'_>, place: Option<(u64, u64)>, text: Option<&Text<'_>>) -> Option<Raw<'static>> {
    let url = source.uri.as_ref().filter(|url| !url.is_empty())?;
    let mut w = Writer::default();
    w.begin_object();
    w.field_text("url", url);
    if let Some(title) = &source.title {
        w.field_text("title", title);
    }
    if let Some((start, end)) = place {
        w.field_unsigned("start_index", start);
        w.field_unsigned("end_index", end);
    }
    if let Some(text) = text {
        w.field_text("cited_text", text);
    }
    w.end_object();
    RawValue::from_string(String::from_utf8(w.into_bytes()).ok()?).ok().map(Cow::Owned)
}

/// What another provider searched for and found, as grounding of the reply. No word says which part of a text is of which
/// page: nobody said so.
#[derive(Debug, Default)]
pub(super) struct Grounds {
    queries: Vec<String>,
    pages: Vec<Page>,
}

/// Whether a part tells of a search that found what can be told.
pub(super) fn is_search(part: &ServerPart<'_>) -> bool {
    Search::read(part).is_some_and(|search| search.failure.is_none())
}

impl Grounds {
    /// Takes note of a search; of a page once.
    pub(super) fn add(&mut self, part: &ServerPart<'_>) {
        let Some(search) = Search::read(part).filter(|search| search.failure.is_none()) else { return };
        self.queries.extend(search.query);
        for page in search.pages {
            if !self.pages.iter().any(|known| known.url == page.url) {
                self.pages.push(page);
            }
        }
    }

    /// The metadata; `None` where nothing was searched for.
    pub(super) fn metadata(&self) -> Option<String> {
        if self.queries.is_empty() && self.pages.is_empty() {
            return None;
        }
        let mut w = Writer::default();
        w.begin_object();
        w.key("webSearchQueries");
        w.begin_array();
        self.queries.iter().for_each(|query| w.string(query));
        w.end_array();
        w.key("groundingChunks");
        w.begin_array();
        for page in &self.pages {
            w.begin_object();
            w.key("web");
            w.begin_object();
            w.field_string("uri", &page.url);
            w.field_string("title", page.title.as_deref().unwrap_or(&page.url));
            w.end_object();
            w.end_object();
        }
        w.end_array();
        w.end_object();
        String::from_utf8(w.into_bytes()).ok()
    }
}
