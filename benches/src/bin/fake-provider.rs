//! A provider that costs as little as possible. The model's name says what it does: `chat-flood-200` sends 200 events
//! as fast as they go, `claude-paced-200` one every 2 ms, `chat-held-1` one and then nothing for an hour. Each event
//! is a chunk of its own. Usage: `fake-provider LISTEN`.

use std::collections::HashMap;
use std::convert::Infallible;
use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use cliproxy_benches::format::Format;
use cliproxy_benches::replies;
use futures_util::stream::{self, StreamExt as _};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, Full, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use memchr::memmem;
use parking_lot::Mutex;
use tokio::net::TcpListener;
use tokio::time::{MissedTickBehavior, interval, sleep};

type Body = UnsyncBoxBody<Bytes, Infallible>;
type Failure = Box<dyn Error + Send + Sync>;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let listen = std::env::args().nth(1).ok_or("where to listen?")?;
    let listener = TcpListener::bind(listen).await?;
    let known = Arc::new(Known::default());
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let known = Arc::clone(&known);
        let service = service_fn(move |request| answer(request, Arc::clone(&known)));
        #[expect(clippy::disallowed_methods, reason = "it is killed, never shut down")]
        tokio::spawn(
            hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service),
        );
    }
}

/// Streams that were made before.
#[derive(Default)]
struct Known(Mutex<HashMap<String, Arc<[Bytes]>>>);

impl Known {
    fn stream(&self, format: Format, model: &str, events: usize) -> Arc<[Bytes]> {
        let mut known = self.0.lock();
        let make = || replies::stream(format, model, events).into();
        Arc::clone(known.entry(model.to_owned()).or_insert_with(make))
    }
}

async fn answer(request: Request<Incoming>, known: Arc<Known>) -> Result<Response<Body>, Failure> {
    let path = request.uri().path().to_owned();
    let body = read(request.into_body()).await?;
    let model = path.strip_prefix("/v1beta/models/").and_then(|rest| rest.split(':').next());
    let model = model.or_else(|| after(&body, b"\"model\"")).ok_or("no model is named")?.to_owned();
    let stream =
        path.ends_with(":streamGenerateContent") || memmem::find(&body, b"\"stream\":true").is_some();
    let format = Format::of_model(&model).ok_or("the model's name begins with no format")?;
    if !stream {
        return Ok(reply("application/json", Full::new(replies::whole(format, &model)).boxed_unsync()));
    }
    let mut words = model.split('-').skip(1);
    let (mode, events) = (words.next().unwrap_or_default(), words.next().unwrap_or_default().parse()?);
    let pieces = known.stream(format, &model, events);
    let count = pieces.len();
    let piece = move |index: usize| Frame::data(pieces.get(index).cloned().unwrap_or_default());
    let body = match mode {
        "flood" => StreamBody::new(stream::iter(0..count).map(move |index| Ok(piece(index)))).boxed_unsync(),
        "paced" => {
            let mut clock = interval(Duration::from_millis(2));
            clock.set_missed_tick_behavior(MissedTickBehavior::Delay);
            let paced = stream::unfold((0, clock), move |(index, mut clock)| {
                let next = (index < count).then(|| piece(index));
                async move {
                    let next = next?;
                    clock.tick().await;
                    Some((Ok(next), (index + 1, clock)))
                }
            });
            StreamBody::new(paced).boxed_unsync()
        }
        "held" => {
            let held = stream::unfold(0, move |index| {
                let next = piece(index);
                async move {
                    if index > 2 {
                        sleep(Duration::from_secs(3600)).await;
                    }
                    Some((Ok(next), index + 1))
                }
            });
            StreamBody::new(held).boxed_unsync()
        }
        _ => return Err("the model's name says nothing that is known".into()),
    };
    Ok(reply("text/event-stream", body))
}

/// The whole body. Whoever runs this provider sends no more than memory holds.
async fn read(mut body: Incoming) -> Result<BytesMut, Failure> {
    let mut whole = BytesMut::new();
    while let Some(frame) = body.frame().await {
        whole.extend_from_slice(frame?.data_ref().unwrap_or(&Bytes::new()));
    }
    Ok(whole)
}

fn reply(kind: &'static str, body: Body) -> Response<Body> {
    let mut response = Response::new(body);
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    response
}

/// The text of the member of this name: JSON with white space will do, escapes will not.
fn after<'a>(body: &'a [u8], mark: &[u8]) -> Option<&'a str> {
    let start = memmem::find(body, mark)? + mark.len();
    let rest = body.get(start..)?.trim_ascii_start().strip_prefix(b":")?.trim_ascii_start();
    let rest = rest.strip_prefix(b"\"")?;
    std::str::from_utf8(rest.get(..memchr::memchr(b'"', rest)?)?).ok()
}
