//! A browser's private window: there nobody is signed in yet, so that another account can be chosen.

use std::process::{Command, Stdio};

/// A browser: its program, and what makes it open a private window.
type Browser<'b> = (&'b str, &'b str);

/// Programs by name are looked for along the path.
#[cfg(target_os = "macos")]
const BROWSERS: &[Browser<'static>] = &[
    ("/Applications/Google Chrome.app/Contents/MacOS/Google Chrome", "--incognito"),
    ("/Applications/Firefox.app/Contents/MacOS/firefox", "--private-window"),
    ("/Applications/Microsoft Edge.app/Contents/MacOS/Microsoft Edge", "--inprivate"),
    ("/Applications/Brave Browser.app/Contents/MacOS/Brave Browser", "--incognito"),
];
#[cfg(windows)]
const BROWSERS: &[Browser<'static>] = &[
    (r"C:\Program Files\Google\Chrome\Application\chrome.exe", "--incognito"),
    (r"C:\Program Files\Mozilla Firefox\firefox.exe", "-private-window"),
    (r"C:\Program Files (x86)\Microsoft\Edge\Application\msedge.exe", "--inprivate"),
];
#[cfg(not(any(target_os = "macos", windows)))]
const BROWSERS: &[Browser<'static>] = &[
    ("firefox", "--private-window"),
    ("google-chrome", "--incognito"),
    ("google-chrome-stable", "--incognito"),
    ("chromium", "--incognito"),
    ("chromium-browser", "--incognito"),
    ("brave-browser", "--incognito"),
    ("microsoft-edge", "--inprivate"),
];

/// Opens a private window; false when no browser is known that has one.
pub(crate) fn open_private(url: &str) -> bool {
    open_in(BROWSERS, url)
}

fn open_in(browsers: &[Browser<'_>], url: &str) -> bool {
    browsers.iter().any(|(program, flag)| {
        let quiet = || Stdio::null();
        let mut browser = Command::new(program);
        browser.args([flag, url]).stdin(quiet()).stdout(quiet()).stderr(quiet()).spawn().is_ok()
    })
}

#[cfg(all(test, unix))]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn the_first_browser_that_is_there_opens_a_private_window() {
        let folder = tempfile::TempDir::new().unwrap();
        let (program, seen) = (folder.path().join("browser"), folder.path().join("seen"));
        let script = format!("#!/bin/sh\necho \"$@\" > {0}.new && mv {0}.new {0}\n", seen.display());
        std::fs::write(&program, script).unwrap();
        std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o700)).unwrap();
        let program = program.to_str().unwrap();
        let absent = folder.path().join("absent");
        let browsers = [(absent.to_str().unwrap(), "--no"), (program, "--private")];
        assert!(open_in(&browsers, "https://h/?a=1&b=2"));
        while !seen.exists() {
            std::thread::yield_now();
        }
        assert_eq!(std::fs::read_to_string(seen).unwrap(), "--private https://h/?a=1&b=2\n");
        assert!(!open_in(&browsers[..1], "https://h/"));
    }
}
