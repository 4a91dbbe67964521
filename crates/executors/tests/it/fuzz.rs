//! What strangers feed us, bent by a seeded runner: the targets of `fuzz/`.

use cliproxy_testkit::fuzz::{JSON, run, seeds};

mod targets;

use targets::{executors, fuzz_credential, fuzz_failure};

#[test]
fn any_failure_is_read_as_some_kind() {
    let tokens = [
        "429\n",
        "401\n",
        "\n\n",
        "retry-after: ",
        "x-ratelimit-reset: ",
        "anthropic-ratelimit-unified-reset: ",
        "99999999999999",
        "1e300",
        "inf",
        "NaN",
        "-5",
        "Fri, 31 Dec 9999 23:59:59 GMT",
        "try again in ",
        "h",
        "ms",
        "\"retryDelay\":\"",
        "\"resets_in_seconds\":",
        "\"resets_at\":",
        "\"quotaResetDelay\":\"",
    ];
    let executors = executors();
    run(2000, &seeds("failure"), &[JSON, &tokens].concat(), |data| fuzz_failure(&executors, data));
}

#[test]
fn any_document_of_a_credential_is_read() {
    let tokens = [
        "\"expired\":",
        "\"expires_in\":",
        "\"expires_at\":",
        "\"region\":\"../\"",
        "\"id_token\":\"e30.e30.\"",
        "9e15",
        "-1e300",
        "\"refresh_interval_seconds\":",
        "\"token\":{",
        "\"service_account\":{",
        "\"auth_method\":\"",
    ];
    let executors = executors();
    run(1000, &seeds("credential_file"), &[JSON, &tokens].concat(), |data| fuzz_credential(&executors, data));
}
