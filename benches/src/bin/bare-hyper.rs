//! The yardstick: the simplest reverse proxy that one can write with hyper and its pooled client. Body in, body out.
//! Usage: `bare-hyper LISTEN UPSTREAM`, both `host:port`.

use std::error::Error;

use hyper::body::Incoming;
use hyper::header::{CONNECTION, HOST, HeaderValue, TRANSFER_ENCODING};
use hyper::service::service_fn;
use hyper::{Request, Uri};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpListener;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let listen = arguments.next().ok_or("where to listen?")?;
    let upstream = arguments.next().ok_or("where to forward?")?;
    let host = HeaderValue::from_str(&upstream)?;
    let mut connector = HttpConnector::new();
    connector.set_nodelay(true);
    let client: Client<_, Incoming> = Client::builder(TokioExecutor::new()).build(connector);
    let listener = TcpListener::bind(listen).await?;
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let (client, upstream, host) = (client.clone(), upstream.clone(), host.clone());
        let service = service_fn(move |mut request: Request<Incoming>| {
            let path = request.uri().path_and_query().map_or("/", |path| path.as_str());
            let uri = format!("http://{upstream}{path}").parse::<Uri>();
            let (client, host) = (client.clone(), host.clone());
            async move {
                *request.uri_mut() = uri?;
                request.headers_mut().insert(HOST, host);
                request.headers_mut().remove(CONNECTION);
                let mut response = client.request(request).await?;
                response.headers_mut().remove(CONNECTION);
                response.headers_mut().remove(TRANSFER_ENCODING);
                Ok::<_, Box<dyn Error + Send + Sync>>(response)
            }
        });
        #[expect(clippy::disallowed_methods, reason = "it is killed, never shut down")]
        tokio::spawn(
            hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service),
        );
    }
}
