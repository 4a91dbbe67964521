//! What a terminal shows.

use std::io::Write;
use std::sync::Arc;
use std::time::Duration;

use cliproxy_core::{LoginStep, LoginUi as _};
use cliproxy_login::TerminalUi;
use parking_lot::Mutex;

#[derive(Clone, Default)]
struct Screen(Arc<Mutex<Vec<u8>>>);

impl Write for Screen {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

fn shown(draws: bool, step: LoginStep) -> String {
    let screen = Screen::default();
    TerminalUi::writing_to(screen.clone(), draws).tell(step);
    let bytes = screen.0.lock().clone();
    String::from_utf8(bytes).unwrap()
}

#[test]
fn without_a_browser_the_address_the_tunnel_and_a_code_for_phones_are_shown() {
    let step = || LoginStep::open("https://provider.example/authorize?x=1", false, Some(54545));
    let text = shown(true, step());
    assert!(text.contains("\nhttps://provider.example/authorize?x=1\n"), "{text}");
    assert!(text.contains("ssh -L 54545:127.0.0.1:54545"), "{text}");
    assert!(text.contains('█') || text.contains('▀'), "{text}");
    assert!(!shown(false, step()).contains('▀'), "no drawing where nobody looks");
}

#[test]
fn a_device_code_stands_on_a_line_of_its_own() {
    let url = "https://provider.example/device";
    let complete = "https://provider.example/device?code=ABCD";
    let text = shown(false, LoginStep::code(url, complete, "ABCD", Duration::from_secs(900), false));
    assert!(text.contains("within 15 minutes"), "{text}");
    assert!(text.lines().any(|line| line.trim() == "ABCD"), "{text}");
    assert!(text.contains(complete), "{text}");
}
