//! Your own rule for which ready credential goes next: here, the one whose label comes last in the alphabet.
#![allow(clippy::print_stdout, reason = "an example prints")]

use std::sync::Arc;

use cliproxy_sdk::Builder;
use cliproxy_sdk::config::{Environment, Loader};
use cliproxy_sdk::core::{PickContext, ReadyView, Selector};

#[derive(Debug)]
struct LastLabel;

impl Selector for LastLabel {
    fn pick(&self, view: &ReadyView<'_>, _context: &PickContext<'_>) -> Option<usize> {
        view.iter()
            .max_by_key(|slot| view.credential(*slot).map(|credential| credential.settings().label.clone()))
    }
}

const CONFIG: &str = "
host: 127.0.0.1
port: 0
auth-dir: ./no-such-directory
openai-compatibility:
  - {name: beta, base-url: 'http://127.0.0.1:9/v1', models: [{name: m}]}
  - {name: alpha, base-url: 'http://127.0.0.1:9/v1', models: [{name: m}], api-key-entries: [{api-key: one}, {api-key: two}]}
";

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let loaded = Loader::new(Environment::default()).load_str("inline", CONFIG)?;
    let builder = Builder::new(loaded.config, Environment::default())?;
    let service = builder.selector(Arc::new(LastLabel)).build().await?;
    for _ in 0..3 {
        let picked = service.conductor().pick("m");
        println!("{}", picked.map_or("nobody".to_owned(), |credential| credential.settings().label.clone()));
    }
    service.stop().await;
    Ok(())
}
