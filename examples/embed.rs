//! A proxy inside your own program: build, serve, ask it without HTTP, stop.
#![allow(
    clippy::print_stdout,
    clippy::missing_errors_doc,
    reason = "an example prints and says little of errors"
)]

use cliproxy_sdk::config::{Environment, Loader};
use cliproxy_sdk::core::{
    ClientFormat, ClientRequest, Dispatcher as _, ModelId, Operation, RequestId, UpstreamReply,
};
use cliproxy_sdk::{Builder, Service};

const CONFIG: &str = "
host: 127.0.0.1
port: 0
api-keys: [a-key-of-my-own]
auth-dir: ./no-such-directory
";

/// Builds and starts. From here on clients of every format are served over HTTP.
pub async fn serve() -> Result<Service, Box<dyn std::error::Error>> {
    let environment = Environment::default();
    let loaded = Loader::new(environment.clone()).load_str("inline", CONFIG)?;
    let service = Builder::new(loaded.config, environment)?.build().await?;
    service.start();
    Ok(service)
}

/// The same pipeline, without a socket in between: the reply, and how it came about.
pub async fn ask(service: &Service) -> Result<(String, String), Box<dyn std::error::Error>> {
    let body = r#"{"model":"demo","messages":[{"role":"user","content":"hello"}]}"#;
    let request = ClientRequest::new(
        RequestId::new("example"),
        ClientFormat::OPENAI,
        Operation::Generate,
        ModelId::new("demo"),
        body.into(),
    );
    let answered = service.conductor().dispatch(request).await;
    let explanation = answered.explanation.to_string();
    match answered.result? {
        UpstreamReply::Whole(reply) => Ok((String::from_utf8(reply.body.to_vec())?, explanation)),
        _ => Err("asked for a whole reply and got something else".into()),
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let service = serve().await?;
    println!("serving on http://{}", service.local_addr());
    let (reply, explanation) = ask(&service).await?;
    println!("{reply}\n{explanation}");
    service.stop().await;
    Ok(())
}
