//! A flow on a terminal: URLs, QR codes, questions.

use std::fmt;
use std::io::{BufRead as _, IsTerminal as _, Write as _};

use async_trait::async_trait;
use cliproxy_core::{LoginStep, LoginUi, Question};
use parking_lot::Mutex as SyncMutex;
use qrcode::render::unicode::Dense1x2;
use qrcode::{EcLevel, QrCode};
use tokio::sync::{Mutex, mpsc};

use crate::echo::{Silence, discard_typed};
use crate::window::open_private;

/// Longer texts make codes that no terminal shows whole.
const MAX_QR: usize = 700;

/// Shows a flow on standard output and asks on standard input.
pub struct TerminalUi {
    out: SyncMutex<Box<dyn std::io::Write + Send>>,
    /// Draws codes: only where a person looks.
    draws: bool,
    /// Whether a person types what is read.
    typed: bool,
    lines: Mutex<Option<mpsc::Receiver<String>>>,
}

impl fmt::Debug for TerminalUi {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TerminalUi").field("draws", &self.draws).finish_non_exhaustive()
    }
}

impl TerminalUi {
    /// The terminal of this process.
    #[must_use]
    pub fn new() -> Self {
        Self::writing_to(std::io::stdout(), std::io::stdout().is_terminal())
    }

    /// Shows the flow there; `draws` says whether QR codes are wanted.
    #[must_use]
    pub fn writing_to(out: impl std::io::Write + Send + 'static, draws: bool) -> Self {
        let typed = std::io::stdin().is_terminal();
        Self { out: SyncMutex::new(Box::new(out)), draws, typed, lines: Mutex::new(None) }
    }

    fn say(&self, text: &str) {
        let mut out = self.out.lock();
        // Whoever closed the terminal reads no more; the flow itself goes on.
        drop(writeln!(out, "{text}"));
        drop(out.flush());
    }

    fn draw(&self, text: &str) {
        if !self.draws || text.len() > MAX_QR {
            return;
        }
        if let Ok(code) = QrCode::with_error_correction_level(text, EcLevel::L) {
            let drawn =
                code.render::<Dense1x2>().dark_color(Dense1x2::Light).light_color(Dense1x2::Dark).build();
            self.say(&drawn);
        }
    }

    fn open(&self, url: &str, private: bool) {
        if private {
            if open_private(url) {
                return self.say("Your browser was asked to open it in a private window.");
            }
            self.say(
                "No browser with private windows was found: an ordinary one opens, where you may be signed in \
                 already, perhaps with another account.",
            );
        }
        match open::that_detached(url) {
            Ok(()) => self.say("Your browser was asked to open it."),
            Err(error) => self.say(&format!("The browser could not be started ({error}): open it yourself.")),
        }
    }
}

impl Default for TerminalUi {
    fn default() -> Self {
        Self::new()
    }
}

#[async_trait]
impl LoginUi for TerminalUi {
    fn tell(&self, step: LoginStep) {
        match step {
            LoginStep::Open { url, browser, port, private, .. } => {
                self.say(&format!("Open this address and agree:\n\n{url}\n"));
                if browser {
                    self.open(&url, private);
                } else {
                    self.draw(&url);
                    if let Some(port) = port {
                        // Source: providers-a.md 1.3 "SSH-tunnel hints".
                        self.say(&format!(
                            "A browser on another machine finds its way back through a tunnel:\n\n  \
                             ssh -L {port}:127.0.0.1:{port} user@this-machine\n\nWithout one, paste the address \
                             that it ends up at; that the page does not load does not matter."
                        ));
                    }
                }
            }
            LoginStep::Code { url, complete_url, code, lifetime, browser, private, .. } => {
                self.say(&format!(
                    "Open {url} on any device and enter this code within {} minutes:\n\n  {code}\n",
                    lifetime.as_secs().div_ceil(60)
                ));
                if complete_url != url {
                    self.say(&format!("Or open it with the code in it:\n\n{complete_url}\n"));
                }
                if browser {
                    self.open(&complete_url, private);
                } else {
                    self.draw(&complete_url);
                }
            }
            LoginStep::Note(text) => self.say(&text),
            _ => {}
        }
    }

    async fn ask(&self, question: Question) -> Option<String> {
        let mut lines = self.lines.lock().await;
        let lines = lines.get_or_insert_with(read_lines);
        if self.typed && !question.choices.is_empty() {
            // An Enter from before would choose what nobody has seen yet. A pasted text may come early, a choice cannot.
            discard_typed();
            while lines.try_recv().is_ok() {}
        }
        // Before the question, so that nothing is shown that is typed as soon as it stands there; over when an answer
        // came, and when this future is dropped.
        let silence = if question.secret { Silence::begin() } else { None };
        let unseen = if silence.is_some() { " (what you type is not shown)" } else { "" };
        self.say(&format!("{}{unseen}:", question.text));
        for (number, choice) in question.choices.iter().enumerate() {
            self.say(&format!("  {}. {choice}", number + 1));
        }
        let answer = lines.recv().await;
        drop(silence);
        answer
    }
}

/// The lines of standard input. They are read by a thread of their own: a read of a terminal cannot be called off, and
/// must not keep the program from ending.
fn read_lines() -> mpsc::Receiver<String> {
    let (tell, lines) = mpsc::channel(8);
    let reading = std::thread::Builder::new().name("stdin".to_owned()).spawn(move || {
        for line in std::io::stdin().lock().lines() {
            let Ok(line) = line else { return };
            if tell.blocking_send(line).is_err() {
                return;
            }
        }
    });
    // Without the thread there are no lines, as without a terminal.
    drop(reading);
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_was_typed_before_a_choice_stood_there_is_no_choice() {
        for (typed, expected) in [(true, "2"), (false, "")] {
            let (tell, lines) = mpsc::channel(8);
            let mut ui = TerminalUi::writing_to(std::io::sink(), false);
            (ui.typed, ui.lines) = (typed, Mutex::new(Some(lines)));
            tell.send("pasted".to_owned()).await.unwrap();
            let early = ui.ask(Question::new("callback-url", "Paste the address")).await;
            assert_eq!(
                early.as_deref(),
                Some("pasted"),
                "what anything is an answer to takes what came early"
            );
            tell.send(String::new()).await.unwrap();
            let question = Question::new("project", "Which project?");
            let question = question.with_choices(vec!["one".to_owned(), "two".to_owned()]);
            let asking = ui.ask(question);
            tokio::pin!(asking);
            // A pipe has its answers ready, an empty one too.
            let answer = match tokio::time::timeout(std::time::Duration::ZERO, &mut asking).await {
                Ok(answer) => answer,
                Err(_) => {
                    tell.send("2".to_owned()).await.unwrap();
                    asking.await
                }
            };
            assert_eq!(answer.as_deref(), Some(expected), "{typed}");
        }
    }
}
