//! Data URLs, media classes and names.

use cliproxy_translator::model::MediaClass;
use cliproxy_translator::pass::media::{
    DataUrl, audio_format, audio_mime, class_of, data_url, file_data, mime_of_name, sniff,
};

#[test]
fn b79_a_data_url_is_split_and_never_decoded() {
    for (url, expected) in [
        ("data:image/png;base64,AA==", Some(("image/png", "AA=="))),
        ("DATA:Image/PNG;BASE64,AA==", Some(("image/png", "AA=="))),
        ("data:application/pdf;name=a.pdf;charset=x;base64,AA", Some(("application/pdf", "AA"))),
        (" data:image/png;base64, AA \n", Some(("image/png", "AA"))),
        ("data:;base64,AA", Some(("", "AA"))),
        ("data:base64,AA", Some(("", "AA"))),
        ("data:image/png;base64,", None),
        ("data:image/png,AA", None),
        ("data:image/png;base64", None),
        ("https://x/y.png", None),
        ("dat", None),
        ("", None),
        ("dätä:x", None),
    ] {
        let found = DataUrl::parse(url).map(|url| (url.mime.into_owned(), url.data));
        let expected = expected.map(|(mime, data)| (mime.to_owned(), data));
        assert_eq!(found, expected, "E574 {url}");
    }
    assert_eq!(data_url("image/png", "AA"), "data:image/png;base64,AA");
}

#[test]
fn e574_a_file_is_known_by_its_type_or_its_name() {
    for (data, mime, name, expected) in [
        ("data:application/pdf;base64,AA", None, None, Some(("application/pdf", "AA"))),
        ("data:;base64,AA", None, Some("a.pdf"), Some(("application/pdf", "AA"))),
        ("data:;base64,AA", None, None, None),
        ("JVBE", None, Some("a.PDF"), Some(("application/pdf", "JVBE"))),
        ("JVBE", Some("Text/Plain"), Some("a.pdf"), Some(("text/plain", "JVBE"))),
        ("JVBE", Some(" "), Some("a.pdf"), Some(("application/pdf", "JVBE"))),
        ("JVBE", None, Some("a.unknown"), None),
        ("JVBE", None, Some("noextension"), None),
        ("JVBE", None, None, None),
        ("", Some("text/plain"), None, None),
        ("data:application/pdf,AA", Some("application/pdf"), None, None),
    ] {
        let found = file_data(data, mime, name).map(|file| (file.mime.into_owned(), file.data));
        let expected = expected.map(|(mime, data)| (mime.to_owned(), data));
        assert_eq!(found, expected, "E574 {data} {mime:?} {name:?}");
    }
}

#[test]
fn b79_an_untyped_image_is_sniffed() {
    for (data, expected) in [
        ("iVBORw0KGgoAAAANSUhEUg==", Some("image/png")),
        ("/9j/4AAQSkZJRgABAQAAAQ==", Some("image/jpeg")),
        ("R0lGODlhAQABAAAAACw=", Some("image/gif")),
        ("UklGRiQAAABXRUJQVlA4IBgA", Some("image/webp")),
        ("UklGRiQAAABXQVZFZm10IBAA", Some("audio/wav")),
        ("JVBERi0xLjQK", Some("application/pdf")),
        ("iVBORw==", None),
        ("AAAA", None),
        ("A", None),
        ("", None),
        ("é", None),
    ] {
        assert_eq!(sniff(data), expected, "{data}");
    }
    let url = DataUrl::parse("data:;base64,/9j/4AAQSkZJRg==").unwrap();
    assert_eq!(url.mime_or("application/octet-stream"), "image/jpeg");
    assert_eq!(
        DataUrl::parse("data:;base64,AAAA").unwrap().mime_or("application/octet-stream"),
        "application/octet-stream"
    );
    assert_eq!(DataUrl::parse("data:image/x;base64,AAAA").unwrap().mime_or("y"), "image/x");
}

#[test]
fn b80_the_class_follows_the_type() {
    for (mime, class) in [
        ("image/png", MediaClass::Image),
        ("IMAGE/PNG", MediaClass::Image),
        ("application/pdf", MediaClass::Document),
        ("text/plain", MediaClass::Document),
        ("audio/wav", MediaClass::Audio),
        ("video/mp4", MediaClass::Video),
        ("imagery", MediaClass::Document),
        ("", MediaClass::Document),
        ("é", MediaClass::Document),
    ] {
        assert_eq!(class_of(mime), class, "{mime}");
    }
}

#[test]
fn b81_audio_names() {
    for (format, mime) in [
        ("wav", "audio/wav"),
        ("", "audio/wav"),
        ("mp3", "audio/mpeg"),
        ("MP3", "audio/mpeg"),
        ("ogg", "audio/ogg"),
        ("flac", "audio/flac"),
        ("aac", "audio/aac"),
        ("webm", "audio/webm"),
        ("pcm16", "audio/pcm"),
        ("g711", "audio/basic"),
        ("opus", "audio/opus"),
    ] {
        assert_eq!(audio_mime(format), mime, "{format}");
        let back = if format.is_empty() { "wav" } else { &*format.to_ascii_lowercase() };
        assert_eq!(audio_format(mime), back, "{mime}");
    }
    assert_eq!(audio_format("audio/x-wav"), "wav");
    assert_eq!(audio_format("audio/mpeg; rate=1"), "mp3");
    assert_eq!(mime_of_name("dir.x/a.TXT"), Some("text/plain"));
}
