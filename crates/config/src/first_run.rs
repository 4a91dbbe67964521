//! The config file that a first run writes.

use cliproxy_core::Secret;

use crate::edit::quoted;

/// The text of a first `config.yaml`: loopback only, one client key. What this release does not have is not switched on.
///
/// The caller writes it with mode 0600; it holds `api_key`.
#[must_use]
pub fn first_run_yaml(api_key: &Secret, port: u16) -> String {
    format!(
        "\
# cliproxy: written by the first run. Change what you like; a reload (SIGHUP) takes it over.
# Every key there is, with its default, is in config.example.yaml.

# Only this machine can connect. For others: host: \"\" (all interfaces), and keep the keys below secret.
host: 127.0.0.1
port: {port}

# What your clients send as their API key. One line each; make as many as you have clients.
api-keys:
  - {api_key}

# Logins and their tokens live here, one file each.
auth-dir: ~/.cli-proxy-api

# The management API comes with a later release. Its key may be written here in plain text: at the next start or reload
# the server puts its bcrypt hash in its place.
# remote-management:
#   allow-remote: false
#   secret-key: \"\"

# API keys of providers can be given here in place of a login:
# claude-api-key:
#   - api-key: sk-ant-...
# openai-compatibility:
#   - name: openrouter
#     base-url: https://openrouter.ai/api/v1
#     api-key-entries:
#       - api-key: sk-or-...
#     models:
#       - name: moonshotai/kimi-k2
#         alias: kimi
",
        api_key = quoted(api_key.expose()),
    )
}
