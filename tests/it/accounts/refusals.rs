//! How each provider says that an account is out of quota: status, headers and body as its fact sheet has them.

use cliproxy_testkit::{Reply, status};
use serde_json::{Value, json};

use super::world::now;

/// How long an account rests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rest {
    /// As long as it was told.
    AsTold,
    /// Nothing is told: half an hour, since the account has to pay.
    HalfAnHour,
    /// Nothing is told: a second, then twice as long each time.
    Ladder,
}

/// One way to say it.
pub struct Refusal {
    pub what: &'static str,
    /// With so many seconds to wait, if it tells them.
    pub reply: fn(u64) -> Reply,
    pub rest: Rest,
}

/// All that a provider says.
pub fn of(provider: &str) -> &'static [Refusal] {
    match provider {
        "claude" => &CLAUDE,
        "codex" => &CODEX,
        "gemini-cli" | "vertex" => &GOOGLE,
        "antigravity" => &ANTIGRAVITY,
        "github-copilot" => &COPILOT,
        "qwen" => &QWEN,
        "iflow" => &IFLOW,
        "kimi" => &KIMI,
        "kiro" => &KIRO,
        other => panic!("{other} has no replies here"),
    }
}

/// In so many seconds, as Unix time.
fn at(wait: u64) -> String {
    (now().as_secs() + i64::try_from(wait).unwrap()).to_string()
}

/// As Go writes it.
fn go(wait: u64) -> String {
    format!("{}h{}m{}s", wait / 3600, wait / 60 % 60, wait % 60)
}

// Source: providers-a.md 2.6 [H].
const CLAUDE: [Refusal; 4] = [
    Refusal {
        what: "the window of five hours, with a longer one that is allowed",
        reply: |wait| unified("5h", wait, "7d", 9 * wait),
        rest: Rest::AsTold,
    },
    Refusal {
        what: "the window of seven days, with a longer one that is allowed",
        reply: |wait| unified("7d", wait, "5h", 9 * wait),
        rest: Rest::AsTold,
    },
    Refusal {
        what: "a plain limit of tokens a minute",
        reply: |wait| {
            claude_error(429, "rate_limit_error", "This request would exceed your account's rate limit")
                .header("retry-after", &wait.to_string())
        },
        rest: Rest::AsTold,
    },
    Refusal {
        what: "no credits, which blames the request",
        reply: |_| {
            claude_error(400, "invalid_request_error", "Your credit balance is too low to access the API")
        },
        rest: Rest::HalfAnHour,
    },
];

fn claude_error(code: u16, kind: &str, message: &str) -> Reply {
    status(code).json(&json!({"type": "error", "error": {"type": kind, "message": message}}))
}

fn unified(rejected: &str, wait: u64, allowed: &str, later: u64) -> Reply {
    let name = |window: &str, what: &str| format!("anthropic-ratelimit-unified-{window}-{what}");
    claude_error(429, "rate_limit_error", "This request would exceed your account's rate limit")
        .header("anthropic-ratelimit-unified-status", "rejected")
        .header("anthropic-ratelimit-unified-reset", &at(wait))
        .header(&name(rejected, "status"), "rejected")
        .header(&name(rejected, "reset"), &at(wait))
        .header(&name(allowed, "status"), "allowed")
        .header(&name(allowed, "reset"), &at(later))
}

// Source: providers-a.md 3.7, 3.8.
const CODEX: [Refusal; 4] = [
    Refusal {
        what: "the plan's limit with the moment of its reset, behind a gateway that says otherwise",
        reply: |wait| {
            let at: i64 = at(wait).parse().unwrap();
            usage_limit(429, &json!({"resets_at": at, "resets_in_seconds": 9 * wait}))
                .header("retry-after", "7")
        },
        rest: Rest::AsTold,
    },
    Refusal {
        what: "the plan's limit with a wait, after a moment that has passed, under another status",
        reply: |wait| usage_limit(403, &json!({"resets_at": 1_700_000_000, "resets_in_seconds": wait})),
        rest: Rest::AsTold,
    },
    Refusal {
        what: "too fast, with a wait that is the plan's",
        reply: |wait| {
            let error =
                json!({"type": "rate_limit_error", "message": "Slow down", "resets_in_seconds": wait});
            status(429).json(&json!({"error": error}))
        },
        rest: Rest::Ladder,
    },
    Refusal {
        what: "a plan that has no Codex",
        reply: |_| {
            let error = json!({"type": "usage_not_included", "message": "To use Codex, upgrade to Plus"});
            status(429).json(&json!({"error": error}))
        },
        rest: Rest::HalfAnHour,
    },
];

fn usage_limit(code: u16, more: &Value) -> Reply {
    let mut error = json!({"type": "usage_limit_reached", "message": "The usage limit has been reached", "plan_type": "plus"});
    error.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    status(code).json(&json!({"error": error}))
}

// Source: providers-a.md 5.6.
const GOOGLE: [Refusal; 4] = [
    Refusal {
        what: "RetryInfo, before all others",
        reply: |wait| {
            exhausted("too fast, come back after 7s", &[retry(wait), info("RATE_LIMIT_EXCEEDED", 9 * wait)])
        },
        rest: Rest::AsTold,
    },
    Refusal {
        what: "quotaResetDelay",
        reply: |wait| {
            exhausted("You have exhausted your capacity on this model.", &[info("RATE_LIMIT_EXCEEDED", wait)])
        },
        rest: Rest::AsTold,
    },
    Refusal {
        what: "words",
        reply: |wait| exhausted(&format!("Your quota will reset after {}.", go(wait)), &[]),
        rest: Rest::AsTold,
    },
    Refusal {
        what: "no word of when",
        reply: |_| exhausted("Resource has been exhausted (e.g. check quota).", &[]),
        rest: Rest::Ladder,
    },
];

// Source: providers-a.md 7.6.
const ANTIGRAVITY: [Refusal; 2] = [
    Refusal {
        what: "the whole quota",
        reply: |wait| {
            exhausted("You have exhausted your quota on this model.", &[info("QUOTA_EXHAUSTED", wait)])
        },
        rest: Rest::AsTold,
    },
    Refusal {
        what: "RetryInfo",
        reply: |wait| {
            exhausted("Resource has been exhausted.", &[info("QUOTA_EXHAUSTED", 9 * wait), retry(wait)])
        },
        rest: Rest::AsTold,
    },
];

fn exhausted(message: &str, details: &[Value]) -> Reply {
    let error = json!({"code": 429, "status": "RESOURCE_EXHAUSTED", "message": message, "details": details});
    status(429).json(&json!({"error": error}))
}

fn retry(wait: u64) -> Value {
    json!({"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": format!("{wait}.25s")})
}

fn info(reason: &str, wait: u64) -> Value {
    json!({"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": reason, "domain": "cloudcode-pa.googleapis.com",
        "metadata": {"quotaResetDelay": go(wait), "model": "m"}})
}

// Source: providers-b.md 2.7.
const COPILOT: [Refusal; 2] = [
    Refusal {
        what: "the month's premium requests",
        reply: |_| {
            let error = json!({"code": "quota_exceeded", "message": "You have no quota"});
            status(402).json(&json!({"error": error}))
        },
        rest: Rest::HalfAnHour,
    },
    Refusal {
        what: "too fast",
        reply: |wait| {
            let error =
                json!({"code": "user_global_rate_limited", "message": "Sorry, you have been rate-limited."});
            status(429).header("retry-after", &wait.to_string()).json(&json!({"error": error}))
        },
        rest: Rest::AsTold,
    },
];

// Source: providers-b.md 3.7, 0.3.
const QWEN: [Refusal; 2] = [
    Refusal {
        what: "the day's free requests",
        reply: |_| {
            let error = json!({"code": "insufficient_quota", "type": "insufficient_quota",
                "message": "Free allocated quota exceeded."});
            status(429).json(&json!({"error": error}))
        },
        rest: Rest::Ladder,
    },
    Refusal {
        what: "too fast",
        reply: |wait| {
            let error = json!({"code": "limit_requests", "type": "limit_requests", "message": "You exceeded your current requests list."});
            status(429).header("retry-after", &wait.to_string()).json(&json!({"error": error}))
        },
        rest: Rest::AsTold,
    },
];

// Source: providers-b.md 4.8, 0.3.
const IFLOW: [Refusal; 2] = [
    Refusal {
        what: "too fast",
        reply: |wait| too_fast("rate limit exceeded").header("retry-after", &wait.to_string()),
        rest: Rest::AsTold,
    },
    Refusal {
        what: "a limit that is used up, beside one that is not",
        reply: |wait| {
            too_fast("rate limit exceeded")
                .header("x-ratelimit-remaining-requests", "0")
                .header("x-ratelimit-reset-requests", &go(wait))
                .header("x-ratelimit-remaining-tokens", "10")
                .header("x-ratelimit-reset-tokens", &go(9 * wait))
        },
        rest: Rest::AsTold,
    },
];

// Source: providers-b.md 5.7, 0.3.
const KIMI: [Refusal; 2] = [
    Refusal {
        what: "words",
        reply: |wait| {
            too_fast(&format!("request reached max request limit: 3, please try again after {wait} seconds"))
        },
        rest: Rest::AsTold,
    },
    Refusal {
        what: "a wait",
        reply: |wait| too_fast("too many requests").header("retry-after", &wait.to_string()),
        rest: Rest::AsTold,
    },
];

fn too_fast(message: &str) -> Reply {
    let error = json!({"type": "rate_limit_reached_error", "message": message});
    status(429).json(&json!({"error": error}))
}

// Source: providers-b.md 1.7.
const KIRO: [Refusal; 4] = [
    Refusal {
        what: "too fast, with a wait",
        reply: |wait| throttled().header("retry-after", &wait.to_string()),
        rest: Rest::AsTold,
    },
    Refusal { what: "too fast", reply: |_| throttled(), rest: Rest::Ladder },
    Refusal {
        what: "the month's requests, which blames the request",
        reply: |_| aws(400, "ValidationException", "MONTHLY_REQUEST_COUNT"),
        rest: Rest::HalfAnHour,
    },
    Refusal {
        what: "the month's requests, as a matter of speed",
        reply: |_| aws(429, "ThrottlingException", "MONTHLY_REQUEST_COUNT"),
        rest: Rest::HalfAnHour,
    },
];

fn throttled() -> Reply {
    status(429)
        .header("x-amzn-errortype", "ThrottlingException")
        .json(&json!({"__type": "com.amazon.aws.codewhisperer#ThrottlingException", "message": "Too many requests, please wait before trying again."}))
}

fn aws(code: u16, kind: &str, reason: &str) -> Reply {
    status(code).header("x-amzn-errortype", kind).json(
        &json!({"__type": format!("com.amazon.aws.codewhisperer#{kind}"), "message": "You have reached the limit.", "reason": reason}),
    )
}
