//! The config file that a first run writes.

use cliproxy_core::Secret;

use crate::edit::quoted;

/// The text of a first `config.yaml`: loopback only, one client key, the management key hashed.
///
/// The caller writes it with mode 0600; it holds `api_key`. `management_hash` is what
/// [`hash_management_key`](crate::hash_management_key) gave; with an empty one there is no management section.
#[must_use]
pub fn first_run_yaml(api_key: &Secret, management_hash: &str, port: u16) -> String {
    let management = if management_hash.is_empty() {
        String::new()
    } else {
        format!(
            "
# The key of the management API, as a bcrypt hash. Write a new one in plain text to replace it.
remote-management:
  allow-remote: false
  secret-key: {}
",
            quoted(management_hash)
        )
    };
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
{management}
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
