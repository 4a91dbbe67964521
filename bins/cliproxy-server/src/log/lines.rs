//! Log lines: they look as those of `tracing-subscriber`. Plain ones are written without its machinery, which for the
//! one line of a small request costs more than finding a credential for it.

use std::error::Error;
use std::fmt::{self, Write as _};
use std::time::{SystemTime, UNIX_EPOCH};

use cliproxy_sdk::core::Timestamp;
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::fmt::format::{Format, Writer};
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;

/// Room for the usual line.
const LINE: usize = 256;

/// Writes events without spans and colours; leaves others to the library.
#[derive(Default)]
pub(super) struct Lines {
    others: Format,
}

impl<S, N> FormatEvent<S, N> for Lines
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        if writer.has_ansi_escapes() || context.lookup_current().is_some() {
            return self.others.format_event(context, writer, event);
        }
        let mut line = Line { text: String::with_capacity(LINE), begun: false, done: Ok(()) };
        stamp(&mut line.text, SystemTime::now());
        line.text.push_str(match *event.metadata().level() {
            Level::ERROR => " ERROR ",
            Level::WARN => "  WARN ",
            Level::INFO => "  INFO ",
            Level::DEBUG => " DEBUG ",
            Level::TRACE => " TRACE ",
        });
        line.text.push_str(event.metadata().target());
        line.text.push_str(": ");
        event.record(&mut line);
        line.text.push('\n');
        line.done?;
        writer.write_str(&line.text)
    }
}

/// `2026-11-27T18:21:23.000123Z`
fn stamp(text: &mut String, now: SystemTime) {
    let since = now.duration_since(UNIX_EPOCH).unwrap_or_default();
    let seconds = Timestamp::from_system_time(now).to_rfc3339();
    text.push_str(seconds.trim_end_matches('Z'));
    text.push('.');
    push_digits(text, since.subsec_micros().into(), 6);
    text.push('Z');
}

/// A number, with so many digits at least. The library's way to write one costs ten times as much.
fn push_digits(text: &mut String, number: u64, least: usize) {
    let mut digits = [b'0'; 20];
    let (mut rest, mut count) = (number, 0);
    for digit in digits.iter_mut().rev() {
        *digit += u8::try_from(rest % 10).unwrap_or(0);
        rest /= 10;
        count += 1;
        if rest == 0 && count >= least {
            break;
        }
    }
    let written = digits.get(digits.len() - count..).and_then(|digits| std::str::from_utf8(digits).ok());
    text.push_str(written.unwrap_or_default());
}

/// The fields of an event, behind one another; the message stands without its name.
struct Line {
    text: String,
    begun: bool,
    done: fmt::Result,
}

impl Line {
    /// What stands before a value; `false` for fields that are nobody's business.
    fn begin(&mut self, field: &Field) -> bool {
        let name = field.name();
        if name.starts_with("log.") {
            return false;
        }
        if std::mem::replace(&mut self.begun, true) {
            self.text.push(' ');
        }
        if name != "message" {
            self.text.push_str(name.strip_prefix("r#").unwrap_or(name));
            self.text.push('=');
        }
        true
    }

    /// As [`Self::write`], for what others said: it must not steer the terminal of who reads the log.
    fn write_harmless(&mut self, value: fmt::Arguments<'_>) {
        self.write_without(steers, value);
    }

    /// As [`Self::write_harmless`], for names and other single values: a line end in one would look like a line of
    /// ours. The library writes these as they are.
    fn write_value(&mut self, value: fmt::Arguments<'_>) {
        self.write_without(char::is_control, value);
    }

    fn write_without(&mut self, spelled: fn(char) -> bool, value: fmt::Arguments<'_>) {
        if let Err(error) = (Harmless { text: &mut self.text, spelled }).write_fmt(value) {
            self.done = Err(error);
        }
    }

    fn write(&mut self, value: fmt::Arguments<'_>) {
        if let Err(error) = self.text.write_fmt(value) {
            self.done = Err(error);
        }
    }
}

/// Whether terminals obey it, as the library sees it.
fn steers(c: char) -> bool {
    matches!(c, '\x1b' | '\x07' | '\x08' | '\x0c' | '\x7f'..='\u{9f}')
}

/// Spells some control characters out.
struct Harmless<'t> {
    text: &'t mut String,
    spelled: fn(char) -> bool,
}

impl fmt::Write for Harmless<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        // What nearly all texts are.
        if text.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
            self.text.push_str(text);
            return Ok(());
        }
        let mut rest = text;
        while let Some((at, found)) = rest.char_indices().find(|(_, c)| (self.spelled)(*c)) {
            let (before, after) = rest.split_at_checked(at).ok_or(fmt::Error)?;
            self.text.push_str(before);
            match (found, u32::from(found)) {
                ('\n', _) => self.text.push_str("\\n"),
                ('\r', _) => self.text.push_str("\\r"),
                ('\t', _) => self.text.push_str("\\t"),
                (_, code) if code < 0x80 => write!(self.text, "\\x{code:02x}")?,
                (_, code) => write!(self.text, "\\u{{{code:x}}}")?,
            }
            rest = after.get(found.len_utf8()..).unwrap_or_default();
        }
        self.text.push_str(rest);
        Ok(())
    }
}

impl Visit for Line {
    fn record_u64(&mut self, field: &Field, value: u64) {
        if self.begin(field) {
            push_digits(&mut self.text, value, 1);
        }
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        if !self.begin(field) {
            return;
        }
        let plain = |byte: u8| byte == b' ' || byte.is_ascii_graphic() && byte != b'"' && byte != b'\\';
        if field.name() == "message" {
            self.write_harmless(format_args!("{value}"));
        } else if value.bytes().all(plain) {
            self.text.push('"');
            self.text.push_str(value);
            self.text.push('"');
        } else {
            self.write(format_args!("{value:?}"));
        }
    }

    fn record_error(&mut self, field: &Field, value: &(dyn Error + 'static)) {
        if !self.begin(field) {
            return;
        }
        self.write_harmless(format_args!("{value}"));
        let mut source = value.source();
        if source.is_some() {
            self.write(format_args!(" {}.sources=[", field.name()));
            let mut comma = "";
            while let Some(error) = source {
                self.write_harmless(format_args!("{comma}{error}"));
                (comma, source) = (", ", error.source());
            }
            self.text.push(']');
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        if !self.begin(field) {
            return;
        }
        if field.name() == "message" {
            self.write_harmless(format_args!("{value:?}"));
        } else {
            self.write_value(format_args!("{value:?}"));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::Arc;

    use parking_lot::Mutex;
    use tracing_subscriber::fmt::MakeWriter;

    use super::*;

    #[derive(Clone, Default)]
    struct Kept(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Kept {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl MakeWriter<'_> for Kept {
        type Writer = Self;

        fn make_writer(&self) -> Self {
            self.clone()
        }
    }

    #[derive(Debug)]
    struct Outer(io::Error);

    impl fmt::Display for Outer {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("the outer one")
        }
    }

    impl Error for Outer {
        fn source(&self) -> Option<&(dyn Error + 'static)> {
            Some(&self.0)
        }
    }

    /// Everything that is said here, without the times.
    fn lines(subscriber: impl Subscriber + Send + Sync + 'static, kept: &Kept) -> Vec<String> {
        tracing::subscriber::with_default(subscriber, || {
            tracing::info!(
                request_id = "r-1", method = %"POST", path = "/v1/\"x\"\\\n", status = 200_u64, "answered"
            );
            tracing::warn!("plain {}", 7);
            tracing::error!(error = &Outer(io::Error::other("inner")) as &dyn Error, r#type = ?Some(1.5), odd = -3_i64);
            tracing::debug!(empty = "", on = true, wide = u128::MAX, "ü");
            let rude = "\x1b[2J \x07\x08\x0c\x7f \u{85}\u{9b}31m ü\u{a0}\t";
            tracing::info!(name = rude, "said: {rude}");
            tracing::info!(message = rude);
            tracing::info!(error = &Outer(io::Error::other(rude)) as &dyn Error, "broken");
            tracing::info!(error = &io::Error::other(rude) as &dyn Error, "broken");
            let _inside = tracing::info_span!("span", id = 1).entered();
            tracing::trace!(name = "with a span", "deep");
        });
        let text = String::from_utf8(kept.0.lock().clone()).unwrap();
        text.lines().map(|line| line.split_once('Z').map_or(line, |(_, rest)| rest).to_owned()).collect()
    }

    #[test]
    fn lines_look_as_those_of_the_library() {
        let (ours, theirs) = (Kept::default(), Kept::default());
        let builder = || tracing_subscriber::fmt().with_ansi(false).with_max_level(Level::TRACE);
        let written =
            lines(builder().event_format(Lines::default()).with_writer(ours.clone()).finish(), &ours);
        let expected = lines(builder().with_writer(theirs.clone()).finish(), &theirs);
        assert_eq!(written.len(), 9);
        assert_eq!(written, expected);
        assert!(!written.iter().any(|line| line.contains(['\x1b', '\u{9b}'])), "{written:?}");
    }

    #[test]
    fn a_value_that_others_chose_steers_no_terminal_and_begins_no_line() {
        let kept = Kept::default();
        let subscriber = tracing_subscriber::fmt().with_ansi(false).event_format(Lines::default());
        tracing::subscriber::with_default(subscriber.with_writer(kept.clone()).finish(), || {
            let rude = "a\x1b[2Jb\n2026-11-27T18:21:23Z  INFO served\r\t\0\x07\x7f\u{9b}31mü\\";
            tracing::info!(what = %rude, why = ?rude, error = %io::Error::other(rude), "lost");
        });
        let text = String::from_utf8(kept.0.lock().clone()).unwrap();
        let line = text.strip_suffix('\n').unwrap();
        assert!(!line.contains(char::is_control), "{line:?}");
        let spelled = r"a\x1b[2Jb\n2026-11-27T18:21:23Z  INFO served\r\t\x00\x07\x7f\u{9b}31mü\";
        assert!(line.contains(&format!("lost what={spelled} why=\"a")), "{line}");
        assert!(line.ends_with(&format!("error={spelled}")), "{line}");
    }

    #[test]
    fn numbers_are_written_as_the_library_writes_them() {
        for number in [0, 7, 10, 200, 999_999, u64::MAX] {
            let (mut text, mut padded) = (String::new(), String::new());
            push_digits(&mut text, number, 1);
            push_digits(&mut padded, number, 6);
            assert_eq!((text, padded), (number.to_string(), format!("{number:06}")));
        }
    }

    #[test]
    fn a_time_has_its_microseconds() {
        let mut text = String::new();
        stamp(&mut text, UNIX_EPOCH + std::time::Duration::new(1_795_804_883, 123_000));
        assert_eq!(text, "2026-11-27T18:41:23.000123Z");
    }
}
