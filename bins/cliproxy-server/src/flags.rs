//! The command line, in Go's syntax and the modern one: one or two dashes, `-x=v` or `-x v`.
// Source: runtime.md B.3.

use std::path::PathBuf;

use cliproxy_sdk::config::Overrides;

/// What to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Command {
    Serve,
    CheckConfig,
    Endpoints,
    Test { model: String },
    Version,
    Help,
}

/// What the command line says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Flags {
    pub(crate) command: Command,
    pub(crate) overrides: Overrides,
}

/// Flags of the reference for what this release does not have.
const NOT_BUILT: [&str; 26] = [
    "login",
    "project_id",
    "codex-login",
    "claude-login",
    "qwen-login",
    "iflow-login",
    "antigravity-login",
    "iflow-cookie",
    "kimi-login",
    "github-copilot-login",
    "kiro-login",
    "kiro-google-login",
    "kiro-aws-login",
    "kiro-aws-authcode",
    "kiro-import",
    "vertex-import",
    "no-browser",
    "oauth-callback-port",
    "incognito",
    "no-incognito",
    "password",
    "codex-device-login",
    "xai-login",
    "tui",
    "standalone",
    "local-model",
];

pub(crate) const USAGE: &str =
    "usage: cliproxy-server [serve | check-config | endpoints | test MODEL | version] [flags]

  --config FILE             the config file
  --host HOST               the address to listen on, in place of `host`
  --port PORT               the port to listen on, in place of `port`
  --auth-dir DIR            the directory of credential files, in place of `auth-dir`
  --log-level LEVEL         error, warn, info, debug or trace
  --proxy-url URL           the proxy for calls to providers
  --debug                   log more
  --allow-unauthenticated   serve without client keys, from wherever the listener can be reached
";

/// Reads the arguments after the program's name.
pub(crate) fn parse(arguments: impl IntoIterator<Item = String>) -> Result<Flags, String> {
    let mut arguments = arguments.into_iter();
    let mut overrides = Overrides::new();
    let mut words = Vec::new();
    let mut help = false;
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
            known if NOT_BUILT.contains(&known) => {
                return Err(format!("--{known} is not built yet in this release"));
            }
            unknown => return Err(format!("there is no flag --{unknown}")),
        }
    }
    let command = if help { Command::Help } else { command(words)? };
    Ok(Flags { command, overrides })
}

fn command(words: Vec<String>) -> Result<Command, String> {
    let mut words = words.into_iter();
    let command = match words.next().as_deref() {
        None | Some("serve") => Command::Serve,
        Some("check-config") => Command::CheckConfig,
        Some("endpoints") => Command::Endpoints,
        Some("version") => Command::Version,
        Some("help") => Command::Help,
        Some("test") => {
            let model = words.next().ok_or("test needs a model: cliproxy-server test demo")?;
            Command::Test { model }
        }
        Some("login" | "import" | "credentials") => {
            return Err("logins are not built yet in this release".to_owned());
        }
        Some(other) => return Err(format!("there is no command {other}")),
    };
    match words.next() {
        None => Ok(command),
        Some(surplus) => Err(format!("unexpected argument {surplus}")),
    }
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
    fn commands_are_words() {
        for (line, command) in [
            ("", Command::Serve),
            ("check-config", Command::CheckConfig),
            ("endpoints --config x", Command::Endpoints),
            ("test demo", Command::Test { model: "demo".to_owned() }),
            ("--version", Command::Version),
            ("serve -h", Command::Help),
        ] {
            assert_eq!(read(line).unwrap().command, command, "{line}");
        }
    }

    #[test]
    fn what_is_wrong_is_said() {
        for (line, problem) in [
            ("--port x", "--port x is not a port: give 1 to 65535"),
            ("--config", "the flag --config needs a value"),
            ("--nope", "there is no flag --nope"),
            ("-claude-login", "--claude-login is not built yet in this release"),
            ("dance", "there is no command dance"),
            ("version now", "unexpected argument now"),
            ("test", "test needs a model: cliproxy-server test demo"),
            ("--debug=maybe", "--debug=maybe is neither true nor false"),
        ] {
            assert_eq!(read(line).unwrap_err(), problem, "{line}");
        }
    }
}
