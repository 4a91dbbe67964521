//! The `.env` file, as the reference's reader understands it. Source: runtime.md B.1.

use std::collections::BTreeMap;

/// What a `.env` text says: assignments in order, and the lines that could not be read.
pub(crate) struct DotEnv {
    pub(crate) pairs: Vec<(String, String)>,
    /// Line number and what is wrong with it.
    pub(crate) faults: Vec<(u32, &'static str)>,
}

/// Reads `KEY=value` lines: `export `, comments, single, double and no quotes, `$NAME` of earlier lines.
pub(crate) fn parse(text: &str) -> DotEnv {
    let mut reader = Reader { rest: text.trim_start_matches('\u{feff}'), line: 1 };
    let mut known = BTreeMap::new();
    let mut found = DotEnv { pairs: Vec::new(), faults: Vec::new() };
    while !reader.rest.is_empty() {
        let (line, rest) = (reader.line, reader.rest);
        match reader.assignment(&known) {
            Ok(Some((name, value))) => {
                known.insert(name.clone(), value.clone());
                found.pairs.push((name, value));
            }
            Ok(None) => {}
            Err(fault) => {
                found.faults.push((line, fault));
                (reader.line, reader.rest) = (line, rest);
                reader.skip_line();
            }
        }
    }
    found
}

struct Reader<'t> {
    rest: &'t str,
    line: u32,
}

impl<'t> Reader<'t> {
    fn advance(&mut self, bytes: usize) -> &'t str {
        let (taken, rest) = self.rest.split_at_checked(bytes).unwrap_or((self.rest, ""));
        let breaks = taken.bytes().filter(|byte| *byte == b'\n').count();
        self.line = self.line.saturating_add(u32::try_from(breaks).unwrap_or(u32::MAX));
        self.rest = rest;
        taken
    }

    fn skip_line(&mut self) -> &'t str {
        let end = self.rest.find('\n').map_or(self.rest.len(), |index| index + 1);
        self.advance(end)
    }

    fn skip_spaces(&mut self) {
        let spaces = self.rest.len() - self.rest.trim_start_matches([' ', '\t']).len();
        self.advance(spaces);
    }

    fn assignment(
        &mut self,
        known: &BTreeMap<String, String>,
    ) -> Result<Option<(String, String)>, &'static str> {
        self.skip_spaces();
        if self.rest.starts_with(['#', '\n', '\r']) {
            self.skip_line();
            return Ok(None);
        }
        if self.rest.is_empty() {
            return Ok(None);
        }
        if let Some(after) = self.rest.strip_prefix("export")
            && after.starts_with([' ', '\t'])
        {
            self.advance("export".len());
            self.skip_spaces();
        }
        let name_end = self
            .rest
            .find(|character: char| {
                !(character.is_ascii_alphanumeric() || matches!(character, '_' | '.' | '-'))
            })
            .unwrap_or(self.rest.len());
        let name = self.advance(name_end).to_owned();
        if name.is_empty() {
            return Err("a line must read NAME=value");
        }
        self.skip_spaces();
        if !self.rest.starts_with(['=', ':']) {
            return Err("there is no `=` after the name");
        }
        self.advance(1);
        self.skip_spaces();
        let value = match self.rest.chars().next() {
            Some('\'') => self.quoted('\'').map(str::to_owned)?,
            Some('"') => expand(&unescape(self.quoted('"')?), known),
            _ => expand(self.unquoted(), known),
        };
        Ok(Some((name, value)))
    }

    /// The text between quotes, line ends included; what follows on its line must be a comment.
    fn quoted(&mut self, quote: char) -> Result<&'t str, &'static str> {
        let mut escaped = false;
        let end = self.rest.char_indices().skip(1).find(|(_, character)| {
            let closes = *character == quote && !escaped;
            escaped = quote == '"' && *character == '\\' && !escaped;
            closes
        });
        let Some((end, _)) = end else { return Err("a quote is not closed") };
        let inner = self.rest.get(1..end).unwrap_or_default();
        self.advance(end + 1);
        let after = self.skip_line().trim();
        if after.is_empty() || after.starts_with('#') {
            Ok(inner)
        } else {
            Err("text follows the closing quote")
        }
    }

    fn unquoted(&mut self) -> &'t str {
        let line = self.skip_line().trim_end_matches(['\n', '\r']);
        if line.starts_with('#') {
            return "";
        }
        let end = line.find(" #").or_else(|| line.find("\t#")).unwrap_or(line.len());
        line.get(..end).unwrap_or(line).trim()
    }
}

fn unescape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        if character != '\\' {
            out.push(character);
            continue;
        }
        match characters.next() {
            Some('n') => out.push('\n'),
            Some('r') => out.push('\r'),
            Some('t') => out.push('\t'),
            // Kept for `expand`, which drops the backslash and leaves the dollar alone.
            Some('$') => out.push_str("\\$"),
            Some(other) => out.push(other),
            None => out.push('\\'),
        }
    }
    out
}

/// `$NAME` and `${NAME}` of earlier lines; `\$` is a dollar. Names are upper case, as in the reference's reader.
fn expand(text: &str, known: &BTreeMap<String, String>) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(index) = rest.find('$') {
        let (before, from) = rest.split_at(index);
        let after = from.strip_prefix('$').unwrap_or(from);
        if let Some(before) = before.strip_suffix('\\') {
            out.push_str(before);
            out.push('$');
            rest = after;
            continue;
        }
        out.push_str(before);
        let braced = after.strip_prefix('{');
        let body = braced.unwrap_or(after);
        let end = body
            .find(|character: char| {
                !(character.is_ascii_uppercase() || character.is_ascii_digit() || character == '_')
            })
            .unwrap_or(body.len());
        let (name, tail) = body.split_at(end);
        let tail = if braced.is_some() { tail.strip_prefix('}') } else { Some(tail) };
        match tail {
            Some(tail) if !name.is_empty() => {
                out.push_str(known.get(name).map_or("", String::as_str));
                rest = tail;
            }
            _ => {
                out.push('$');
                rest = after;
            }
        }
    }
    out.push_str(rest);
    out
}
