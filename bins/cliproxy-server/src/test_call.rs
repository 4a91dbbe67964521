//! `test MODEL`: one small request through the whole pipeline, without a listener's client.

use cliproxy_sdk::Builder;
use cliproxy_sdk::config::{Environment, Overrides};
use cliproxy_sdk::core::{
    ClientFormat, ClientRequest, Dispatcher as _, ModelId, Operation, RequestId, UpstreamReply,
};

use crate::commands::{chain, load, say};
use crate::signals;

pub(crate) fn run(model: &str, overrides: &Overrides, environment: Environment) -> Result<(), String> {
    let (_, _, loaded) = load(overrides, environment.clone())?;
    let mut config = loaded.config;
    config.server.port = 0; // a free one: a server may be running beside us
    config.server.tls = None; // nobody connects, and its files may not be ours to read
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| format!("cannot start the runtime: {error}"))?;
    runtime.block_on(async {
        let builder = Builder::new(config, environment).map_err(|error| chain(&error))?;
        let service = builder.build().await.map_err(|error| chain(&error))?;
        let interrupted = signals::interrupted()?;
        let answered = tokio::select! {
            answered = service.conductor().dispatch(request(model)) => answered,
            () = interrupted => {
                // A renewal that it took comes to its end.
                service.stop().await;
                return Err("the test was interrupted".to_owned());
            }
        };
        let outcome = match answered.result {
            Ok(UpstreamReply::Whole(reply)) => Ok(String::from_utf8_lossy(&reply.body).into_owned()),
            Ok(_) => Err("the provider answered with a stream".to_owned()),
            Err(error) => {
                Err(format!("{} ({})\nhow it came: {}", error.message, error.status, answered.explanation))
            }
        };
        service.stop().await;
        outcome.and_then(|text| say(&text))
    })
}

fn request(model: &str) -> ClientRequest {
    let name = model.replace(['"', '\\'], "");
    // No limit of tokens: newer models of OpenAI refuse `max_tokens`, older services know nothing else, and a model that
    // thinks would spend a small one before its first word.
    let body = format!(r#"{{"model":"{name}","messages":[{{"role":"user","content":"Say hello."}}]}}"#);
    let id = RequestId::from_static("test");
    ClientRequest::new(id, ClientFormat::OPENAI, Operation::Generate, ModelId::new(model), body.into())
}
