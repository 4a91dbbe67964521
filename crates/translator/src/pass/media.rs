//! Media: data URLs, classes, names. Nothing is ever decoded but a few bytes to sniff.
//! Source: translation.md B79, B80, B81, B83.

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;

use crate::json::Text;
use crate::model::{Media, MediaClass, MediaSource, Part, PartKind};

/// A `data:` URL in base64, split without decoding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DataUrl<'a> {
    /// The media type, lower case; empty when the URL names none.
    pub mime: Cow<'a, str>,
    /// The base64 text.
    pub data: &'a str,
}

impl<'a> DataUrl<'a> {
    /// Splits a URL. `None` when it is no data URL, is not in base64, or has no payload. Scheme and `;base64` are
    /// read without regard to case, other parameters are skipped (B79).
    #[must_use]
    pub fn parse(url: &'a str) -> Option<Self> {
        let url = url.trim();
        let (scheme, rest) = url.split_at_checked(5)?;
        if !scheme.eq_ignore_ascii_case("data:") {
            return None;
        }
        let (head, data) = rest.split_once(',')?;
        let (kind, last) = head.rsplit_once(';').map_or(("", head), |(kind, last)| (kind, last));
        let data = data.trim();
        if !last.trim().eq_ignore_ascii_case("base64") || data.is_empty() {
            return None;
        }
        let mime = kind.split(';').next().unwrap_or_default().trim();
        Some(Self { mime: lower(mime), data })
    }

    /// The media type, or what the first bytes say, or `fallback`.
    #[must_use]
    pub fn mime_or(&self, fallback: &'static str) -> Cow<'a, str> {
        if !self.mime.is_empty() {
            return self.mime.clone();
        }
        Cow::Borrowed(sniff(self.data).unwrap_or(fallback))
    }
}

/// Whether a link carries its payload itself.
pub(crate) fn is_data(url: &Text<'_>) -> bool {
    // Escapes are possible (`data:image\/png`), but not in the scheme.
    let scheme = |text: &str| text.get(..5).is_some_and(|scheme| scheme.eq_ignore_ascii_case("data:"));
    url.as_plain().map_or_else(|| scheme(url.decoded().trim_start()), |text| scheme(text.trim_start()))
}

/// Splits a text into media type and base64 data, keeping the borrow of the source where it can.
pub(crate) fn split<'a>(
    text: Text<'a>,
    cut: impl for<'t> Fn(&'t str) -> Option<(Cow<'t, str>, &'t str)>,
) -> Option<MediaSource<'a>> {
    Some(match text.into_decoded() {
        Cow::Borrowed(text) => {
            let (mime, data) = cut(text)?;
            MediaSource::Base64 { mime, data: Text::plain(data) }
        }
        Cow::Owned(text) => {
            let (mime, data) = cut(&text)?;
            MediaSource::Base64 { mime: Cow::Owned(mime.into_owned()), data: Text::plain(data.to_owned()) }
        }
    })
}

/// A text document with what names it in front.
pub(crate) fn titled<'m>(media: &'m Media<'_>, text: &'m Text<'_>) -> Text<'m> {
    let heads: Vec<_> =
        [&media.name, &media.context].into_iter().flatten().filter(|head| !head.is_empty()).collect();
    if heads.is_empty() {
        return text.reborrow();
    }
    let mut whole = Text::default();
    for head in heads {
        head.push_onto(&mut whole);
        Text::plain("\n").push_onto(&mut whole);
    }
    Text::plain("\n").push_onto(&mut whole);
    text.push_onto(&mut whole);
    whole
}

/// Lower case, borrowed when it is already.
pub(crate) fn lower(text: &str) -> Cow<'_, str> {
    if text.bytes().any(|byte| byte.is_ascii_uppercase()) {
        Cow::Owned(text.to_ascii_lowercase())
    } else {
        Cow::Borrowed(text)
    }
}

/// A file as OpenAI clients give it: `file_data` as data URL or bare base64, a file name, perhaps a media type.
/// `None` when there is no payload or no way to know what it is (B79, E574).
#[must_use]
pub fn file_data<'a>(data: &'a str, mime: Option<&'a str>, name: Option<&str>) -> Option<DataUrl<'a>> {
    let data = data.trim();
    let known = mime.map(str::trim).filter(|mime| !mime.is_empty());
    if data.get(..5).is_some_and(|scheme| scheme.eq_ignore_ascii_case("data:")) {
        let mut url = DataUrl::parse(data)?;
        if url.mime.is_empty() {
            url.mime = known.map(lower).or_else(|| name.and_then(mime_of_name).map(Cow::Borrowed))?;
        }
        return Some(url);
    }
    if data.is_empty() {
        return None;
    }
    let mime = known.map(lower).or_else(|| name.and_then(mime_of_name).map(Cow::Borrowed))?;
    Some(DataUrl { mime, data })
}

/// The class of a media type; an unknown one is a document (B80).
#[must_use]
pub fn class_of(mime: &str) -> MediaClass {
    let starts =
        |prefix: &str| mime.get(..prefix.len()).is_some_and(|head| head.eq_ignore_ascii_case(prefix));
    if starts("image/") {
        MediaClass::Image
    } else if starts("audio/") {
        MediaClass::Audio
    } else if starts("video/") {
        MediaClass::Video
    } else {
        MediaClass::Document
    }
}

/// The media type of an audio format's name (B81).
#[must_use]
pub fn audio_mime(format: &str) -> Cow<'static, str> {
    Cow::Borrowed(match format.trim().to_ascii_lowercase().as_str() {
        "" | "wav" => "audio/wav",
        "mp3" => "audio/mpeg",
        "ogg" => "audio/ogg",
        "flac" => "audio/flac",
        "aac" => "audio/aac",
        "webm" => "audio/webm",
        "pcm16" => "audio/pcm",
        "g711" | "g711_ulaw" | "g711_alaw" => "audio/basic",
        other => return Cow::Owned(format!("audio/{other}")),
    })
}

/// The audio format's name of a media type (B81, backwards).
#[must_use]
pub fn audio_format(mime: &str) -> Cow<'_, str> {
    let plain = mime.split(';').next().unwrap_or_default().trim();
    Cow::Borrowed(match plain.to_ascii_lowercase().as_str() {
        "" | "audio/wav" | "audio/x-wav" | "audio/wave" => "wav",
        "audio/mpeg" | "audio/mp3" => "mp3",
        "audio/pcm" | "audio/l16" => "pcm16",
        "audio/basic" => "g711",
        _ => return lower(plain.split_once('/').map_or(plain, |(_, name)| name)),
    })
}

/// The media type that a file name's extension stands for.
#[must_use]
pub fn mime_of_name(name: &str) -> Option<&'static str> {
    let (_, extension) = name.rsplit_once('.')?;
    Some(match extension.to_ascii_lowercase().as_str() {
        "pdf" => "application/pdf",
        "json" => "application/json",
        "xml" => "application/xml",
        "zip" => "application/zip",
        "doc" => "application/msword",
        "docx" => "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
        "xls" => "application/vnd.ms-excel",
        "xlsx" => "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
        "ppt" => "application/vnd.ms-powerpoint",
        "pptx" => "application/vnd.openxmlformats-officedocument.presentationml.presentation",
        "rtf" => "application/rtf",
        "txt" | "log" => "text/plain",
        "md" | "markdown" => "text/markdown",
        "csv" => "text/csv",
        "tsv" => "text/tab-separated-values",
        "htm" | "html" => "text/html",
        "css" => "text/css",
        "js" | "mjs" => "text/javascript",
        "yaml" | "yml" => "application/yaml",
        "png" => "image/png",
        "jpg" | "jpeg" => "image/jpeg",
        "gif" => "image/gif",
        "webp" => "image/webp",
        "bmp" => "image/bmp",
        "svg" => "image/svg+xml",
        "heic" => "image/heic",
        "wav" => "audio/wav",
        "mp3" => "audio/mpeg",
        "ogg" => "audio/ogg",
        "flac" => "audio/flac",
        "m4a" => "audio/mp4",
        "mp4" => "video/mp4",
        "mov" => "video/quicktime",
        "webm" => "video/webm",
        _ => return None,
    })
}

/// The media type that the first bytes of base64 data show.
#[must_use]
pub fn sniff(base64: &str) -> Option<&'static str> {
    // 16 characters are 12 bytes: enough for every signature below.
    let head = base64.get(..base64.len().min(16)).map(|head| head.trim_end_matches('='))?;
    let head = head.get(..head.len() - usize::from(head.len() % 4 == 1))?;
    // The cut may leave bits over; they are zero only by chance, so whole groups are taken.
    let whole = head.get(..head.len() / 4 * 4).filter(|whole| !whole.is_empty())?;
    let bytes = STANDARD_NO_PAD.decode(whole).ok()?;
    Some(match bytes.as_slice() {
        [0x89, b'P', b'N', b'G', ..] => "image/png",
        [0xff, 0xd8, 0xff, ..] => "image/jpeg",
        [b'G', b'I', b'F', b'8', ..] => "image/gif",
        [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => "image/webp",
        [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'A', b'V', b'E', ..] => "audio/wav",
        [b'%', b'P', b'D', b'F', ..] => "application/pdf",
        [b'B', b'M', ..] => "image/bmp",
        [b'O', b'g', b'g', b'S', ..] => "audio/ogg",
        [b'f', b'L', b'a', b'C', ..] => "audio/flac",
        [b'I', b'D', b'3', ..] => "audio/mpeg",
        _ => return None,
    })
}

/// The media among parts, and those that documents are made of.
pub(crate) fn media_of<'p, 'a>(parts: &'p [Part<'a>]) -> Box<dyn Iterator<Item = &'p Media<'a>> + 'p> {
    Box::new(parts.iter().flat_map(|part| -> Box<dyn Iterator<Item = &'p Media<'a>> + 'p> {
        match &part.kind {
            PartKind::Media(Media { source: MediaSource::Parts(parts), .. }) => media_of(parts),
            PartKind::Media(media) => Box::new(std::iter::once(media)),
            _ => Box::new(std::iter::empty()),
        }
    }))
}

/// Writes a data URL into one string.
#[must_use]
pub fn data_url(mime: &str, data: &str) -> String {
    format!("data:{mime};base64,{data}")
}
