//! Your own rule for which ready credential goes next: here, a European endpoint while one is ready, else any.
#![allow(
    clippy::print_stdout,
    clippy::missing_errors_doc,
    reason = "an example prints and says little of errors"
)]

use std::sync::Arc;

use cliproxy_sdk::Builder;
use cliproxy_sdk::config::{Environment, Loader};
use cliproxy_sdk::core::{Credential, PickContext, ReadyView, Selector};

#[derive(Debug)]
struct EuropeFirst;

impl Selector for EuropeFirst {
    fn pick(&self, view: &ReadyView<'_>, _context: &PickContext<'_>) -> Option<usize> {
        view.iter()
            .find(|slot| view.credential(*slot).is_some_and(|held| base_url(held).contains("//eu.")))
            .or_else(|| view.iter().next())
    }
}

fn base_url(credential: &Credential) -> &str {
    credential.settings().base_url.as_deref().unwrap_or_default()
}

const CONFIG: &str = "
host: 127.0.0.1
port: 0
auth-dir: ./no-such-directory
claude-api-key:
  - {api-key: one, base-url: 'https://us.claude.example', models: [{name: m}]}
  - {api-key: two, base-url: 'https://eu.claude.example', models: [{name: m}]}
  - {api-key: three, base-url: 'https://asia.claude.example', models: [{name: m}]}
";

/// Where three requests would go to.
pub async fn picks() -> Result<Vec<String>, Box<dyn std::error::Error>> {
    let loaded = Loader::new(Environment::default()).load_str("inline", CONFIG)?;
    let builder = Builder::new(loaded.config, Environment::default())?;
    let service = builder.selector(Arc::new(EuropeFirst)).build().await?;
    let picked = |_| service.conductor().pick("m").map(|held| base_url(&held).to_owned());
    let picks = (0..3).filter_map(picked).collect();
    service.stop().await;
    Ok(picks)
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    for base_url in picks().await? {
        println!("{base_url}");
    }
    Ok(())
}
