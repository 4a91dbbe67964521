#![doc = include_str!("../README.md")]
#![allow(
    clippy::print_stdout,
    clippy::indexing_slicing,
    reason = "a table on standard output is what this test program is for; an index into a JSON value is null where there is nothing"
)]

mod brain;
mod install;
mod run;
mod wire;
mod world;

use std::path::PathBuf;
use std::process::ExitCode;

use wire::Kind;
use world::World;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let wanted: Vec<String> = std::env::args().skip(1).collect();
    match all(&wanted).await {
        Ok(0) => ExitCode::SUCCESS,
        Ok(failed) => {
            println!("{failed} failed");
            ExitCode::FAILURE
        }
        Err(error) => {
            println!("{error}");
            ExitCode::from(2)
        }
    }
}

/// Runs what is wanted and counts what failed.
async fn all(wanted: &[String]) -> Result<usize, String> {
    let clients = run::all();
    let is_wanted = |client: &str, kind: Kind| {
        wanted.is_empty()
            || wanted.iter().any(|want| match want.split_once('@') {
                Some((name, of)) => (name == client || name.is_empty()) && of == kind.name(),
                None => want == client,
            })
    };
    for want in wanted {
        let name = want.split('@').next().unwrap_or_default();
        if !name.is_empty() && clients.iter().all(|client| client.name != name) {
            return Err(format!("there is no client {name:?}"));
        }
    }
    let target = target_dir()?;
    let chosen = |sdk: bool| {
        clients
            .iter()
            .any(|client| client.is_sdk == sdk && Kind::ALL.iter().any(|kind| is_wanted(client.name, *kind)))
    };
    let tools = install::install(&target, chosen(false), chosen(true)).await?;
    let mut failed = 0;
    for kind in Kind::ALL {
        if !clients.iter().any(|client| is_wanted(client.name, kind)) {
            continue;
        }
        let world = World::start(&target, kind).await?;
        for client in clients.iter().filter(|client| is_wanted(client.name, kind)) {
            let result = client.run(&tools, &world).await;
            println!(
                "{:<18} {:<8} {}",
                client.name,
                kind.name(),
                if result.is_ok() { "ok" } else { "FAILED" }
            );
            if let Err(error) = result {
                failed += 1;
                println!("{error}\n");
            }
        }
    }
    Ok(failed)
}

/// The target directory: this program lies in it.
fn target_dir() -> Result<PathBuf, String> {
    let own = std::env::current_exe().map_err(|error| error.to_string())?;
    own.ancestors().nth(2).map(PathBuf::from).ok_or_else(|| "this program lies nowhere".to_owned())
}
