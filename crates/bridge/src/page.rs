//! Web pages in place of replies: gateways and firewalls answer for the provider, and a page is no message.

/// What a page says to people, in one line; `None` for what is no page.
pub(crate) fn gist(text: &str) -> Option<String> {
    let lower = text.get(..text.floor_char_boundary(4096))?.to_ascii_lowercase();
    let begin = lower.trim_start();
    if !["<!doctype", "<html", "<head", "<body"].iter().any(|tag| begin.starts_with(tag)) {
        return None;
    }
    // Lower case in ASCII keeps every offset.
    let title = lower.find("<title").and_then(|at| {
        let start = at + lower.get(at..)?.find('>')? + 1;
        let end = start + lower.get(start..)?.find('<')?;
        Some(text.get(start..end)?.split_whitespace().collect::<Vec<_>>().join(" "))
    });
    Some(match title.filter(|title| !title.is_empty()) {
        Some(title) => format!("a web page in place of a reply: {title}"),
        None => "a web page in place of a reply".to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::gist;

    #[test]
    fn a_page_is_told_by_its_title() {
        for (text, expected) in [
            (
                "<!DOCTYPE html><html><head><title>Bad\n gateway</title>",
                Some("a web page in place of a reply: Bad gateway"),
            ),
            ("\n<HTML lang=de><Title id=x>É 502</Title>", Some("a web page in place of a reply: É 502")),
            ("<html><body>x</body></html>", Some("a web page in place of a reply")),
            ("<html><title>", Some("a web page in place of a reply")),
            ("use <html> sparingly", None),
            ("{\"error\": \"<html>\"}", None),
            ("", None),
        ] {
            assert_eq!(gist(text).as_deref(), expected, "{text}");
        }
    }
}
