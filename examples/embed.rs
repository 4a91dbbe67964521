//! A proxy inside your own program: build, serve, ask it without HTTP, stop.
#![allow(clippy::print_stdout, reason = "an example prints")]

use cliproxy_sdk::Builder;
use cliproxy_sdk::config::{Environment, Loader};
use cliproxy_sdk::core::{
    ClientFormat, ClientRequest, Dispatcher as _, ModelId, Operation, RequestId, UpstreamReply,
};

const CONFIG: &str = "
host: 127.0.0.1
port: 0
api-keys: [a-key-of-my-own]
auth-dir: ./no-such-directory
";

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let environment = Environment::default();
    let loaded = Loader::new(environment.clone()).load_str("inline", CONFIG)?;
    let service = Builder::new(loaded.config, environment)?.build().await?;
    service.start();
    println!("serving on http://{}", service.local_addr());

    // The same pipeline, without a socket in between.
    let body = r#"{"model":"demo","messages":[{"role":"user","content":"hello"}]}"#;
    let request = ClientRequest::new(
        RequestId::new("example"),
        ClientFormat::OPENAI,
        Operation::Generate,
        ModelId::new("demo"),
        body.into(),
    );
    let answered = service.conductor().dispatch(request).await;
    println!("{}", answered.explanation);
    if let UpstreamReply::Whole(reply) = answered.result? {
        println!("{}", String::from_utf8_lossy(&reply.body));
    }
    service.stop().await;
    Ok(())
}
