//! `test MODEL`: one small request through the whole pipeline, without a listener's client.

use std::time::Duration;

use cliproxy_sdk::Builder;
use cliproxy_sdk::config::{Environment, LogLevel, Overrides};
use cliproxy_sdk::core::{
    ClientFormat, ClientRequest, Dispatcher as _, ModelId, Operation, RequestId, UpstreamReply,
};

use crate::commands::{chain, load, say};
use crate::log::Log;
use crate::signals;

/// `lists_within`: how long lists of models may take before what is known without them has to do.
pub(crate) fn run(
    model: &str,
    lists_within: Duration,
    overrides: &Overrides,
    environment: Environment,
) -> Result<(), String> {
    // A renewal that could not be saved, and why.
    let _log = Log::to_stderr(LogLevel::Error);
    let mut config = load(overrides, environment.clone())?.config;
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
        let asked = async {
            let missing = service.models_fetched(lists_within).await;
            (missing, service.conductor().dispatch(request(model)).await)
        };
        let (missing, answered) = tokio::select! {
            asked = asked => asked,
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
                let without: String = missing.iter().map(|list| format!("\n{list}")).collect();
                let how = &answered.explanation;
                Err(format!("{} ({}){without}\nhow it came: {how}", error.message, error.status))
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
