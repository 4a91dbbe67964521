//! Copies that borrow nothing: for what outlives the frame it came in.

use std::borrow::Cow;

use super::{Finish, Media, MediaSource, Opaque, Part, ServerPart, Signature, StreamError};
use crate::json::{Raw, Text};

/// A raw value that borrows nothing.
pub(crate) fn raw(raw: Raw<'_>) -> Raw<'static> {
    Cow::Owned(raw.into_owned())
}

fn cow(text: Cow<'_, str>) -> Cow<'static, str> {
    Cow::Owned(text.into_owned())
}

impl Signature<'_> {
    /// A copy that borrows nothing.
    #[must_use]
    pub fn into_owned(self) -> Signature<'static> {
        Signature { issuer: self.issuer, value: self.value.into_owned() }
    }
}

impl Finish<'_> {
    /// A copy that borrows nothing.
    #[must_use]
    pub fn into_owned(self) -> Finish<'static> {
        Finish {
            reason: self.reason,
            native: self.native.map(cow),
            stop_sequence: self.stop_sequence.map(Text::into_owned),
            details: self.details.map(raw),
        }
    }
}

impl StreamError<'_> {
    /// A copy that borrows nothing.
    #[must_use]
    pub fn into_owned(self) -> StreamError<'static> {
        StreamError {
            status: self.status,
            kind: cow(self.kind),
            code: cow(self.code),
            message: cow(self.message),
            raw: self.raw.map(raw),
        }
    }
}

impl ServerPart<'_> {
    /// A copy that borrows nothing.
    #[must_use]
    pub fn into_owned(self) -> ServerPart<'static> {
        ServerPart {
            format: self.format,
            kind: cow(self.kind),
            id: self.id.map(Text::into_owned),
            name: self.name.map(cow),
            raw: raw(self.raw),
        }
    }
}

impl Opaque<'_> {
    /// A copy that borrows nothing.
    #[must_use]
    pub fn into_owned(self) -> Opaque<'static> {
        Opaque { format: self.format, kind: cow(self.kind), raw: raw(self.raw) }
    }
}

impl Media<'_> {
    /// A copy that borrows nothing. `None` when its bytes are content parts, as no reply has them.
    #[must_use]
    pub fn into_owned(self) -> Option<Media<'static>> {
        let source = match self.source {
            MediaSource::Base64 { mime, data } => {
                MediaSource::Base64 { mime: cow(mime), data: data.into_owned() }
            }
            MediaSource::Url(url) => MediaSource::Url(url.into_owned()),
            MediaSource::File(file) => MediaSource::File(file.into_owned()),
            MediaSource::Text(text) => MediaSource::Text(text.into_owned()),
            MediaSource::Parts(_) => return None,
        };
        Some(Media {
            class: self.class,
            source,
            name: self.name.map(Text::into_owned),
            detail: self.detail.map(Text::into_owned),
            context: self.context.map(Text::into_owned),
            citations: self.citations.map(raw),
        })
    }
}

impl<'a> Part<'a> {
    /// The part with this signature.
    #[must_use]
    pub fn with_signature(mut self, signature: Option<Signature<'a>>) -> Self {
        self.signature = signature;
        self
    }
}
