//! The command line, in Go's syntax and the modern one: one or two dashes, `-x=v` or `-x v`.
// Source: runtime.md B.3.

use std::path::PathBuf;
use std::time::Duration;

use cliproxy_sdk::command::CredentialCommand;
use cliproxy_sdk::config::Overrides;

/// What to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Command {
    Serve,
    CheckConfig,
    Endpoints,
    Test {
        model: String,
        /// How long lists of models may take.
        lists_within: Duration,
    },
    /// Without a name: which logins there are.
    Login {
        name: Option<String>,
    },
    /// Without a name: what there is to import.
    Import {
        name: Option<String>,
        /// Over a login that may be newer, too.
        forced: bool,
        json: bool,
    },
    Credentials {
        command: CredentialCommand,
        json: bool,
    },
    Version,
    Help,
}

/// What flags say of a login.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct LoginFlags {
    pub(crate) no_browser: bool,
    pub(crate) callback_port: Option<u16>,
    pub(crate) private_window: Option<bool>,
    /// By the key of the question that they answer.
    pub(crate) answers: Vec<(&'static str, String)>,
}

/// What the command line says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Flags {
    pub(crate) command: Command,
    pub(crate) login: LoginFlags,
    pub(crate) overrides: Overrides,
    /// What flags that are taken do not do.
    pub(crate) remarks: Vec<&'static str>,
}

/// A flag that is a login by itself: the login, and what it answers of the login's questions.
type LoginFlag = (&'static str, &'static str, &'static [(&'static str, &'static str)]);

/// Of several the first in this order is run.
// Source: runtime.md B.3 "One mode runs".
const LOGINS: [LoginFlag; 17] = [
    ("vertex-import", "vertex", &[]),
    ("login", "gemini-cli", &[]),
    ("antigravity-login", "antigravity", &[]),
    ("github-copilot-login", "github-copilot", &[]),
    ("codex-login", "codex", &[]),
    ("codex-device-login", "codex-device", &[]),
    ("claude-login", "claude", &[]),
    ("qwen-login", "qwen", &[]),
    ("iflow-login", "iflow", &[]),
    ("iflow-cookie", "iflow-cookie", &[]),
    ("kimi-login", "kimi", &[]),
    ("kiro-login", "kiro", &[("method", "google")]),
    ("kiro-google-login", "kiro", &[("method", "google")]),
    ("kiro-github-login", "kiro", &[("method", "github")]),
    // The reference asks which of the two is meant; here a start URL says that it is an organisation.
    ("kiro-aws-login", "kiro", &[("flow", "device")]),
    ("kiro-aws-authcode", "kiro", &[("flow", "authcode")]),
    ("kiro-idc-login", "kiro", &[("method", "idc")]),
];

/// How long a test waits for lists of models, unless `--models-timeout` says otherwise.
const LISTS_WITHIN: Duration = Duration::from_secs(15);

/// Flags of the reference for what this release does not have.
const NOT_BUILT: [&str; 3] = ["xai-login", "tui", "standalone"];

/// What is said of `-password`: never the password.
// Source: runtime.md B.3 "`-password P`", http-api.md A.14.
const PASSWORD: &str = "--password has no effect yet: the management API and /keep-alive are not built, so nobody can \
                        manage this server with it, and it does not stop by itself without pings";

pub(crate) const USAGE: &str = "usage: cliproxy-server [serve | check-config | endpoints | test MODEL | version] [flags]
       cliproxy-server login [NAME] [flags]          log in; without a name: which logins there are
       cliproxy-server import [NAME] [--force] [--json]   take over a vendor's tool's login; without a name: which
       cliproxy-server credentials [list] [--json]   what is stored, without its secrets
       cliproxy-server credentials test|enable|disable|remove|refresh NAME [--json]

  --config FILE             the config file
  --host HOST               the address to listen on, in place of `host`
  --port PORT               the port to listen on, in place of `port`
  --auth-dir DIR            the directory of credential files, in place of `auth-dir`
  --log-level LEVEL         error, warn, info, debug or trace
  --proxy-url URL           the proxy for calls to providers
  --debug                   log more
  --allow-unauthenticated   serve without client keys, from wherever the listener can be reached

  --no-browser              login: show the address in place of opening it
  --oauth-callback-port N   login: where the browser brings the answer, in place of the provider's own port
  --project_id ID           login gemini-cli: the project (several with commas, or ALL)
  --email NAME              login qwen: what to call the account
  --location PLACE          login vertex: the region
  --enterprise-domain HOST  login github-copilot: where your organisation's own GitHub is
  --incognito, --no-incognito        login: in a private window of the browser, or not; Kiro's open one by default
  --method NAME             login kiro: builder-id, idc, google or github
  --flow WAY                login kiro: device (a code on any device) or authcode (through the browser)
  --start-url URL, --region REGION   login kiro: where your organisation signs in
  --force                   import: also over a stored login that is newer
  --json                    import, credentials: one JSON value on standard output
  --model MODEL             credentials test: which model to ask
  --models-timeout SECONDS  test, credentials test: how long providers' lists of models may take; 15 if not given

  --claude-login, --codex-login, --codex-device-login, --login (Gemini CLI), --antigravity-login, --qwen-login,
  --iflow-login, --iflow-cookie, --kimi-login, --github-copilot-login, --vertex-import FILE: as `login NAME`;
  --kiro-login, --kiro-google-login, --kiro-github-login, --kiro-aws-login, --kiro-aws-authcode, --kiro-idc-login (with
  --kiro-idc-start-url, --kiro-idc-region, --kiro-idc-flow): as `login kiro`; --kiro-import: as `import kiro`
";

/// Reads the arguments after the program's name.
pub(crate) fn parse(arguments: impl IntoIterator<Item = String>) -> Result<Flags, String> {
    let mut arguments = arguments.into_iter();
    let mut overrides = Overrides::new();
    let mut words = Vec::new();
    let mut help = false;
    let mut login = LoginFlags::default();
    let mut remarks = Vec::new();
    let mut logins: Vec<&str> = Vec::new();
    let (mut private, mut ordinary) = (false, false);
    let (mut json, mut model, mut kiro_import, mut forced) = (false, None, false, false);
    let mut lists_within = LISTS_WITHIN;
    while let Some(argument) = arguments.next() {
        let Some(flag) = argument.strip_prefix("--").or_else(|| argument.strip_prefix('-')) else {
            words.push(argument);
            continue;
        };
        let (name, given) = match flag.split_once('=') {
            Some((name, value)) => (name, Some(value.to_owned())),
            None => (flag, None),
        };
        let mut value = || {
            given
                .clone()
                .or_else(|| arguments.next())
                .ok_or_else(|| format!("the flag --{name} needs a value"))
        };
        match name {
            "h" | "help" => help = true,
            "version" | "v" => words.push("version".to_owned()),
            "config" => overrides.config = Some(PathBuf::from(value()?)),
            "host" => overrides.host = Some(value()?),
            "port" => {
                let text = value()?;
                overrides.port =
                    Some(text.parse().map_err(|_| format!("--port {text} is not a port: give 1 to 65535"))?);
            }
            "auth-dir" => overrides.auth_dir = Some(value()?),
            "log-level" => overrides.log_level = Some(value()?),
            "proxy-url" => overrides.proxy_url = Some(value()?),
            // Booleans take no separate value. Source: runtime.md B.3.
            "debug" => overrides.debug = Some(switch(name, given.as_deref())?),
            "allow-unauthenticated" => {
                overrides.allow_unauthenticated = Some(switch(name, given.as_deref())?)
            }
            "force" => forced = switch(name, given.as_deref())?,
            "json" => json = switch(name, given.as_deref())?,
            "model" => model = Some(value()?),
            "models-timeout" => {
                let text = value()?;
                let seconds = text.parse().map_err(|_| format!("--{name} {text} is no number of seconds"))?;
                lists_within = Duration::from_secs(seconds);
            }
            "no-browser" => login.no_browser = switch(name, given.as_deref())?,
            "oauth-callback-port" => {
                let text = value()?;
                let port: u16 =
                    text.parse().map_err(|_| format!("--{name} {text} is not a port: give 1 to 65535"))?;
                // Source: runtime.md B.3 "0 = provider default".
                login.callback_port = (port != 0).then_some(port);
            }
            "project_id" | "project-id" => login.answers.push(("project", value()?)),
            "email" => login.answers.push(("email", value()?)),
            "enterprise-domain" => login.answers.push(("enterprise-domain", value()?)),
            "location" => login.answers.push(("location", value()?)),
            "start-url" | "kiro-idc-start-url" => login.answers.push(("start-url", value()?)),
            "region" | "kiro-idc-region" => login.answers.push(("region", value()?)),
            "method" => login.answers.push(("method", value()?)),
            "flow" | "kiro-idc-flow" => login.answers.push(("flow", value()?)),
            "profile" => login.answers.push(("profile", value()?)),
            "incognito" => private = switch(name, given.as_deref())?,
            "no-incognito" => ordinary = switch(name, given.as_deref())?,
            "vertex-import-prefix" => login.answers.push(("prefix", value()?)),
            "vertex-import" => {
                login.answers.push(("file", value()?));
                logins.push("vertex-import");
            }
            "kiro-import" => kiro_import = switch(name, given.as_deref())?,
            known if LOGINS.iter().any(|(flag, ..)| *flag == known) => {
                if switch(name, given.as_deref())? {
                    logins.extend(LOGINS.iter().map(|(flag, ..)| *flag).find(|flag| *flag == known));
                }
            }
            "password" => {
                if !value()?.is_empty() {
                    remarks.push(PASSWORD);
                }
            }
            // The lists of models that are built in are never fetched anew: it is as the flag wants it.
            // Source: runtime.md B.3 "embedded model catalogue only, no remote refresh".
            "local-model" => {
                switch(name, given.as_deref())?;
            }
            known if NOT_BUILT.contains(&known) => {
                return Err(format!("--{known} is not built yet in this release"));
            }
            unknown => return Err(format!("there is no flag --{unknown}")),
        }
    }
    // Source: runtime.md B.3 "`-incognito` wins over `-no-incognito`".
    login.private_window = if private { Some(true) } else { ordinary.then_some(false) };
    let mut words = words.into_iter();
    let command = match words.next().as_deref() {
        _ if help => return Ok(Flags { command: Command::Help, login, overrides, remarks }),
        None | Some("serve") => Command::Serve,
        Some("check-config") => Command::CheckConfig,
        Some("endpoints") => Command::Endpoints,
        Some("version") => Command::Version,
        Some("help") => Command::Help,
        Some("test") => {
            let model = words.next().ok_or("test needs a model: cliproxy-server test demo")?;
            Command::Test { model, lists_within }
        }
        Some("login") => {
            let name = words.next();
            if name.as_deref() == Some("vertex")
                && let Some(file) = words.next()
            {
                login.answers.push(("file", file));
            }
            Command::Login { name }
        }
        Some("credentials") => {
            Command::Credentials { command: credentials(&mut words, model, lists_within)?, json }
        }
        Some("import") => Command::Import { name: words.next(), forced, json },
        Some(other) => return Err(format!("there is no command {other}")),
    };
    let chosen = LOGINS.iter().find(|(flag, ..)| logins.contains(flag));
    let command = match (command, chosen) {
        (Command::Serve, Some((_, flow, implied))) => {
            // What was said in so many words comes later, and counts.
            let said = std::mem::take(&mut login.answers);
            login.answers =
                implied.iter().map(|(key, answer)| (*key, (*answer).to_owned())).chain(said).collect();
            Command::Login { name: Some((*flow).to_owned()) }
        }
        (Command::Serve, None) if kiro_import => {
            Command::Import { name: Some("kiro".to_owned()), forced, json }
        }
        (command, _) => command,
    };
    match words.next() {
        None => Ok(Flags { command, login, overrides, remarks }),
        Some(surplus) => Err(format!("unexpected argument {surplus}")),
    }
}

fn credentials(
    words: &mut impl Iterator<Item = String>,
    model: Option<String>,
    lists_within: Duration,
) -> Result<CredentialCommand, String> {
    let action = words.next();
    let action = action.as_deref().unwrap_or("list");
    if action == "list" {
        return Ok(CredentialCommand::List);
    }
    if !["test", "enable", "disable", "remove", "refresh"].contains(&action) {
        return Err(format!("there is no command credentials {action}"));
    }
    let name = words.next().ok_or_else(|| {
        format!("credentials {action} needs a name: `cliproxy-server credentials` lists them")
    })?;
    Ok(match action {
        "test" => CredentialCommand::Test { name, model, lists_within },
        "remove" => CredentialCommand::Remove { name },
        "refresh" => CredentialCommand::Refresh { name },
        _ => CredentialCommand::Enable { name, enabled: action == "enable" },
    })
}

fn switch(name: &str, value: Option<&str>) -> Result<bool, String> {
    match value {
        None | Some("true" | "1" | "t") => Ok(true),
        Some("false" | "0" | "f") => Ok(false),
        Some(other) => Err(format!("--{name}={other} is neither true nor false")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &str) -> Result<Flags, String> {
        parse(line.split_whitespace().map(str::to_owned))
    }

    #[test]
    fn go_style_and_modern_flags_mean_the_same() {
        for line in [
            "-config a.yaml -port 80 -debug",
            "--config=a.yaml --port=80 --debug=true",
            "serve -config=a.yaml --port 80 -debug=1",
        ] {
            let flags = read(line).unwrap();
            assert_eq!(flags.command, Command::Serve, "{line}");
            assert_eq!(flags.overrides.config, Some(PathBuf::from("a.yaml")));
            assert_eq!((flags.overrides.port, flags.overrides.debug), (Some(80), Some(true)));
        }
    }

    #[test]
    fn flags_of_the_reference_that_have_no_effect_are_taken_and_said_to_have_none() {
        let flags = read("-password CANARY -local-model -port 80").unwrap();
        assert_eq!((flags.command, flags.overrides.port), (Command::Serve, Some(80)));
        assert_eq!(flags.remarks, [PASSWORD]);
        assert!(!PASSWORD.contains("CANARY"));
        assert_eq!(read("-local-model=false -password=").unwrap().remarks, [] as [&str; 0]);
        assert!(read("-password").is_err() && read("-local-model=x").is_err());
    }

    #[test]
    fn commands_are_words() {
        for (line, command) in [
            ("", Command::Serve),
            ("check-config", Command::CheckConfig),
            ("endpoints --config x", Command::Endpoints),
            ("test demo", Command::Test { model: "demo".to_owned(), lists_within: LISTS_WITHIN }),
            (
                "test demo --models-timeout 2",
                Command::Test { model: "demo".to_owned(), lists_within: Duration::from_secs(2) },
            ),
            ("--version", Command::Version),
            ("serve -h", Command::Help),
            ("login", Command::Login { name: None }),
            ("login claude --no-browser", Command::Login { name: Some("claude".to_owned()) }),
            ("-claude-login", Command::Login { name: Some("claude".to_owned()) }),
            ("-kimi-login -codex-login", Command::Login { name: Some("codex".to_owned()) }),
            ("-login -project_id p", Command::Login { name: Some("gemini-cli".to_owned()) }),
            ("-vertex-import key.json", Command::Login { name: Some("vertex".to_owned()) }),
            ("-claude-login=false", Command::Serve),
            ("import", Command::Import { name: None, forced: false, json: false }),
            ("import codex", Command::Import { name: Some("codex".to_owned()), forced: false, json: false }),
            (
                "import codex --force",
                Command::Import { name: Some("codex".to_owned()), forced: true, json: false },
            ),
            ("-kiro-aws-login", Command::Login { name: Some("kiro".to_owned()) }),
            ("-kiro-idc-login", Command::Login { name: Some("kiro".to_owned()) }),
            ("-kiro-import -kiro-login", Command::Login { name: Some("kiro".to_owned()) }),
            ("-kiro-import", Command::Import { name: Some("kiro".to_owned()), forced: false, json: false }),
            ("credentials --json", Command::Credentials { command: CredentialCommand::List, json: true }),
            (
                "credentials disable a",
                Command::Credentials {
                    command: CredentialCommand::Enable { name: "a".to_owned(), enabled: false },
                    json: false,
                },
            ),
            (
                "credentials test a --model m -models-timeout=0",
                Command::Credentials {
                    command: CredentialCommand::Test {
                        name: "a".to_owned(),
                        model: Some("m".to_owned()),
                        lists_within: Duration::ZERO,
                    },
                    json: false,
                },
            ),
        ] {
            assert_eq!(read(line).unwrap().command, command, "{line}");
        }
    }

    #[test]
    fn flags_of_a_login_are_handed_to_it() {
        let line = "-vertex-import key.json -no-browser -oauth-callback-port=9 --location global";
        let flags = read(line).unwrap().login;
        assert_eq!((flags.no_browser, flags.callback_port), (true, Some(9)));
        assert_eq!(flags.answers, [("file", "key.json".to_owned()), ("location", "global".to_owned())]);
        assert_eq!(read("login vertex key.json").unwrap().login.answers, [("file", "key.json".to_owned())]);
        assert_eq!(read("-login -oauth-callback-port 0").unwrap().login.callback_port, None);
    }

    #[test]
    fn flags_of_kiro_say_which_account_and_by_which_way() {
        let idc = "-kiro-idc-login -kiro-idc-start-url https://d -kiro-idc-region eu-west-1";
        for (line, answers) in [
            ("-kiro-login", &[("method", "google")][..]),
            ("-kiro-google-login", &[("method", "google")]),
            ("-kiro-github-login", &[("method", "github")]),
            ("-kiro-aws-login", &[("flow", "device")]),
            ("-kiro-aws-authcode", &[("flow", "authcode")]),
            // The first of several in the reference's order.
            ("-kiro-aws-authcode -kiro-google-login", &[("method", "google")]),
            (
                &format!("{idc} -kiro-idc-flow device"),
                &[("method", "idc"), ("start-url", "https://d"), ("region", "eu-west-1"), ("flow", "device")],
            ),
            ("login kiro --method github --flow authcode", &[("method", "github"), ("flow", "authcode")]),
            ("-kiro-login --method github", &[("method", "google"), ("method", "github")]),
        ] {
            let flags = read(line).unwrap();
            assert_eq!(flags.command, Command::Login { name: Some("kiro".to_owned()) }, "{line}");
            let said: Vec<_> =
                flags.login.answers.iter().map(|(key, answer)| (*key, answer.as_str())).collect();
            assert_eq!(said, answers, "{line}");
        }
        for (line, private) in [
            ("-kiro-login", None),
            ("-kiro-login -incognito", Some(true)),
            ("-kiro-login -no-incognito", Some(false)),
            ("-kiro-login -no-incognito -incognito", Some(true)),
            ("-kiro-login -incognito=false", None),
        ] {
            assert_eq!(read(line).unwrap().login.private_window, private, "{line}");
        }
    }

    #[test]
    fn what_is_wrong_is_said() {
        for (line, problem) in [
            ("--port x", "--port x is not a port: give 1 to 65535"),
            ("--config", "the flag --config needs a value"),
            ("test demo --models-timeout soon", "--models-timeout soon is no number of seconds"),
            ("--nope", "there is no flag --nope"),
            ("-tui", "--tui is not built yet in this release"),
            ("credentials dance", "there is no command credentials dance"),
            ("credentials test", "credentials test needs a name: `cliproxy-server credentials` lists them"),
            (
                "-claude-login -oauth-callback-port x",
                "--oauth-callback-port x is not a port: give 1 to 65535",
            ),
            ("dance", "there is no command dance"),
            ("version now", "unexpected argument now"),
            ("test", "test needs a model: cliproxy-server test demo"),
            ("--debug=maybe", "--debug=maybe is neither true nor false"),
        ] {
            assert_eq!(read(line).unwrap_err(), problem, "{line}");
        }
    }
}
