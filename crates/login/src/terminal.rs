//! A flow on a terminal: URLs, QR codes, questions.

use std::fmt;
use std::io::{BufRead as _, IsTerminal as _, Write as _};

use async_trait::async_trait;
use cliproxy_core::{LoginStep, LoginUi, Question};
use parking_lot::Mutex as SyncMutex;
use qrcode::render::unicode::Dense1x2;
use qrcode::{EcLevel, QrCode};
use tokio::sync::{Mutex, mpsc};

use crate::echo::Silence;
use crate::window::open_private;

/// Longer texts make codes that no terminal shows whole.
const MAX_QR: usize = 700;

/// Shows a flow on standard output and asks on standard input.
pub struct TerminalUi {
    out: SyncMutex<Box<dyn std::io::Write + Send>>,
    /// Draws codes: only where a person looks.
    draws: bool,
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
        Self { out: SyncMutex::new(Box::new(out)), draws, lines: Mutex::new(None) }
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
