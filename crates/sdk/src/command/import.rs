//! Taking over the logins of the vendors' own tools.

use std::fmt::Write as _;

use cliproxy_config::{Config, Environment};
use cliproxy_login::{FoundLogin, found_logins};

use super::CommandError;
use super::login::{keep, means};

/// The logins that other programs hold on this machine, one a line, with what importing one means for the other.
#[must_use]
pub fn importable(environment: &Environment) -> String {
    let found = found(environment);
    if found.is_empty() {
        return "No login of another program was found on this machine: cliproxy-server login".to_owned();
    }
    let mut text = "cliproxy-server import NAME, with one of:\n".to_owned();
    for login in &found {
        let _infallible = write!(
            text,
            "\n  {:15} {}, in {}\n                  {}",
            login.name,
            login.program,
            place(login),
            login.consequence()
        );
    }
    text
}

fn place(login: &FoundLogin) -> String {
    let path = login.path.display();
    login.entry.as_ref().map_or_else(|| path.to_string(), |entry| format!("{path} ({entry})"))
}

/// Takes one over, or each account that the program has. Gives back what to say about it.
///
/// # Errors
/// When there is none of that name, when its file holds no login, and when it cannot be saved.
pub async fn import_login(
    config: &Config,
    environment: &Environment,
    name: &str,
) -> Result<String, CommandError> {
    let found = found(environment);
    let wanted: Vec<&FoundLogin> =
        found.iter().filter(|login| login.name.eq_ignore_ascii_case(name.trim())).collect();
    let Some(consequence) =
        wanted.first().map(|login| format!("{}: {}.", login.program, login.consequence()))
    else {
        let message = format!("there is no login of {name} to import\n{}", importable(environment));
        return Err(CommandError::Which { message });
    };
    let means = means(config, environment)?;
    let mut text = String::new();
    for login in wanted {
        let read = login.read_named(&means).await;
        let read = read.map_err(|source| CommandError::Login { provider: login.name.to_owned(), source })?;
        text.push_str(&keep(config, read, (&|_| {}, std::future::pending())).await?);
        text.push('\n');
    }
    Ok(text + &consequence)
}

fn found(environment: &Environment) -> Vec<FoundLogin> {
    let Some(home) = environment.home() else { return Vec::new() };
    found_logins(&home, |name| environment.lookup(name).map(str::to_owned))
}
