//! Finding the file, the first file, the management key.

use std::path::{Path, PathBuf};

use cliproxy_config::{
    Environment, Loader, Overrides, Reason, Secret, first_run_yaml, hash_management_key, is_management_hash,
    locate, verify_management_key,
};

#[test]
fn the_first_file_that_is_named_or_exists_is_chosen() {
    let here = Path::new("/here");
    let home = ("HOME", "/home/me");
    let flag = |path: &str| {
        let mut overrides = Overrides::new();
        overrides.config = Some(PathBuf::from(path));
        overrides
    };
    let cases: Vec<(Overrides, Environment, &[&str], &str, Reason)> = vec![
        (
            flag("a.yaml"),
            Environment::new([("CLIPROXY_CONFIG", "/b.yaml"), home]),
            &["/here/config.yaml"],
            "/here/a.yaml",
            Reason::Flag,
        ),
        (
            Overrides::new(),
            Environment::new([("CLIPROXY_CONFIG", "~/b.yaml"), home]),
            &["/here/config.yaml"],
            "/home/me/b.yaml",
            Reason::Variable,
        ),
        (
            Overrides::new(),
            Environment::new([("CLIPROXY_CONFIG", " "), home]),
            &["/here/config.yaml"],
            "/here/config.yaml",
            Reason::WorkingDirectory,
        ),
        (
            Overrides::new(),
            Environment::new([home]),
            &["/home/me/.cli-proxy-api/config.yaml"],
            "/home/me/.cli-proxy-api/config.yaml",
            Reason::AuthDirectory,
        ),
        (
            Overrides::new(),
            Environment::new([home, ("CLIPROXY__AUTH_DIR", "/auth")]),
            &["/auth/config.yaml"],
            "/auth/config.yaml",
            Reason::AuthDirectory,
        ),
        (
            Overrides::new(),
            Environment::new([home]),
            &[],
            "/home/me/.cli-proxy-api/config.yaml",
            Reason::FirstRun,
        ),
    ];
    for (overrides, environment, existing, path, reason) in cases {
        let located = locate(&overrides, &environment, here, |path| {
            existing.iter().any(|known| Path::new(known) == path)
        });
        assert_eq!((located.path.as_path(), located.reason), (Path::new(path), reason));
        assert!(!located.reason.to_string().is_empty());
    }
}

#[test]
fn the_first_file_loads_without_a_notice_and_is_safe() {
    let key = Secret::new("sk-\"quoted\" \\ key");
    let text = first_run_yaml(&key, 9317);
    let load = |text: &str| {
        Loader::new(Environment::new([("HOME", "/home/me")])).load_str("config.yaml", text).unwrap()
    };
    let loaded = load(&text);
    assert!(loaded.config.server.host.is_loopback());
    assert_eq!(loaded.config.server.port, 9317);
    assert_eq!(loaded.config.access.api_keys, [key]);
    assert_eq!(loaded.notices, []);
    assert!(loaded.config.management.secret.is_none(), "there is nothing yet that it would open");
    // What is commented out is right when the marks are taken away.
    let section = "# remote-management:\n#   allow-remote: false\n#   secret-key: \"\"\n";
    let written = "remote-management:\n  allow-remote: false\n  secret-key: \"mine\"\n";
    assert!(text.contains(section), "{text}");
    assert_eq!(load(&text.replace(section, written)).config.management.secret.unwrap().expose(), "mine");
}

#[test]
fn management_keys_are_hashed_once_and_verified() {
    let plain = Secret::new("correct horse");
    let hash = hash_management_key(&plain).unwrap();
    assert!(hash.starts_with("$2a$10$"), "{hash}");
    assert!(is_management_hash(&hash));
    assert_eq!(hash_management_key(&Secret::new(hash.clone())).unwrap(), hash);
    assert!(verify_management_key(&plain, &Secret::new(hash.clone())));
    assert!(!verify_management_key(&Secret::new("wrong"), &Secret::new(hash)));
    for prefix in ["$2a$", "$2b$", "$2y$"] {
        assert!(is_management_hash(&format!("{prefix}10$x")));
    }
    assert!(!is_management_hash("2a$10"));
    assert!(verify_management_key(&plain, &plain));
    assert!(!verify_management_key(&Secret::new(""), &Secret::new("")));
    assert!(hash_management_key(&Secret::new("x".repeat(73))).unwrap_err().to_string().contains("72 bytes"));
}
