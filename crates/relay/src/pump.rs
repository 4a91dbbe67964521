//! What goes through a session's socket, in both directions.

use std::pin::pin;

use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{SinkExt as _, StreamExt as _};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt as _};
use tokio::sync::mpsc;
use tokio::time::{Instant, MissedTickBehavior, interval_at, timeout, timeout_at};
use tokio_websockets::{CloseCode, Error, Limits, Message, ServerBuilder, WebSocketStream};

use crate::Options;
use crate::exchange::Event;
use crate::message::{self, Inbound};
use crate::session::{Ended, Session, Waiting};
use crate::socket::{Meter, Metered};

type Incoming<S> = SplitStream<WebSocketStream<Metered<S>>>;
type Outgoing<S> = SplitSink<WebSocketStream<Metered<S>>, Message>;

/// Runs a session to its end, calls `over` when everyone who waits for it has been told, and says goodbye.
pub(crate) async fn run<S>(
    session: &Session,
    socket: S,
    mut queue: mpsc::Receiver<Waiting>,
    options: &Options,
    over: impl FnOnce(),
) where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let (socket, meter) = Metered::new(socket);
    let limits = Limits::default().max_payload_len(Some(options.max_message));
    let (mut out, mut incoming) = ServerBuilder::new().limits(limits).serve(socket).split();
    let ended = {
        let reading = pin!(read(session, &mut incoming, &meter, options));
        let writing = pin!(write(session, &mut out, &mut queue, options));
        tokio::select! {
            ended = reading => ended,
            ended = writing => ended,
            () = session.closing() => session.ended(),
        }
    };
    session.end(ended);
    // Those who were about to send learn of it, too.
    queue.close();
    while queue.try_recv().is_ok() {}
    let ended = session.ended();
    over();
    if timeout(options.farewell, say_goodbye(out, incoming, &ended)).await.is_err() {
        tracing::debug!(session = session.name, "the page did not say goodbye");
    }
}

/// A socket that is dropped while the page still sends takes our last words with it, so all that comes is read.
async fn say_goodbye<S>(mut out: Outgoing<S>, mut incoming: Incoming<S>, ended: &Ended)
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    // Where the page broke the rules of websockets, the library has said so already.
    let told = match goodbye(ended) {
        Some((code, reason)) => out.send(Message::close(Some(code), &reason)).await.is_ok(),
        None => false,
    };
    if !told && out.flush().await.is_err() {
        return;
    }
    while let Some(Ok(_)) = incoming.next().await {}
    let Ok(socket) = out.reunite(incoming) else { return };
    let mut socket = socket.into_inner();
    if socket.shutdown().await.is_ok() {
        // An error means that there is nobody any more.
        drop(tokio::io::copy(&mut socket, &mut tokio::io::sink()).await);
    }
}

/// What the page is told, unless it went by itself.
fn goodbye(ended: &Ended) -> Option<(CloseCode, String)> {
    let code = match ended {
        Ended::Disconnected => return None,
        Ended::TooLarge => CloseCode::MESSAGE_TOO_BIG,
        Ended::Garbage(_) => CloseCode::UNSUPPORTED_DATA,
        Ended::Silent | Ended::Stuck | Ended::Replaced => CloseCode::POLICY_VIOLATION,
        Ended::Closed(_) => CloseCode::GOING_AWAY,
    };
    let mut reason = ended.to_string();
    // Source: RFC 6455 §5.5: a control frame has 125 bytes, of which the code takes two.
    reason.truncate(reason.floor_char_boundary(123));
    Some((code, reason))
}

async fn read<S>(session: &Session, incoming: &mut Incoming<S>, meter: &Meter, options: &Options) -> Ended
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut silent_from = Instant::now() + options.read_timeout;
    loop {
        let Ok(message) = timeout_at(silent_from, incoming.next()).await else {
            if meter.was_busy() {
                silent_from = Instant::now() + options.read_timeout;
                continue;
            }
            return Ended::Silent;
        };
        let message = match message {
            Some(Ok(message)) => message,
            Some(Err(error)) => return broken(session, &error),
            None => return Ended::Disconnected,
        };
        if message.is_close() {
            return Ended::Disconnected;
        }
        // Replies and pongs show that the page is there. A script that sends nothing but pings may outlive its page.
        // Source: providers-a.md 8.6 "A client that sends only JSON `ping`s … is dropped after 60 s".
        if message.is_pong() {
            silent_from = Instant::now() + options.read_timeout;
        }
        if !message.is_text() && !message.is_binary() {
            continue;
        }
        match message::read(message.as_payload(), |id| session.is_awaited(id)) {
            Inbound::Reply { id, event } => {
                drop(message);
                deliver(session, &id, event, options).await;
                silent_from = Instant::now() + options.read_timeout;
            }
            Inbound::Ping { id } => session.pong(&id),
            Inbound::LongPing => {
                tracing::debug!(session = session.name, "a ping is ignored: its id is too long");
            }
            Inbound::Unknown(kind) => {
                tracing::debug!(session = session.name, kind, "a message of an unknown type is ignored");
            }
            Inbound::Garbage => return Ended::Garbage("it is not a JSON object"),
        }
    }
}

/// Puts an event where it is awaited, and holds the page up until there is room: that is the back-pressure. A reader
/// for which it was held up for too long, all in all, loses its reply, so that the others get theirs.
async fn deliver(session: &Session, id: &str, event: Event, options: &Options) {
    let Some(mailbox) = session.mailbox(id) else {
        tracing::trace!(session = session.name, id, "nobody waits for this message");
        return;
    };
    if event.is_last() {
        session.forget(id);
    }
    if !mailbox.put_within(event, options.stall_timeout).await {
        tracing::warn!(session = session.name, id, "a reply is given up: its reader is too slow");
        mailbox.give_up(Event::TooSlow);
        session.forget(id);
    }
}

fn broken(session: &Session, error: &Error) -> Ended {
    tracing::debug!(session = session.name, %error, "a relay session broke off");
    match error {
        Error::PayloadTooLong { .. } => Ended::TooLarge,
        Error::Protocol(_) => Ended::Garbage("it breaks the rules of websockets"),
        _ => Ended::Disconnected,
    }
}

async fn write<S>(
    session: &Session,
    out: &mut Outgoing<S>,
    queue: &mut mpsc::Receiver<Waiting>,
    options: &Options,
) -> Ended
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut pings = interval_at(Instant::now() + options.ping_interval, options.ping_interval);
    pings.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let waiting = tokio::select! {
            waiting = queue.recv() => waiting,
            _ = pings.tick() => {
                // Source: providers-a.md 8.2 "a websocket ping frame (text "ping") every 30 s".
                match timeout(options.write_timeout, out.send(Message::ping("ping"))).await {
                    Ok(Ok(())) => continue,
                    Ok(Err(_)) => return Ended::Disconnected,
                    Err(_) => return Ended::Stuck,
                }
            }
        };
        let Some(waiting) = waiting else { return Ended::Disconnected };
        if waiting.id.as_deref().is_some_and(|id| !session.is_awaited(id)) {
            continue;
        }
        let Waiting { message, _room, .. } = waiting;
        let deadline = options.write_deadline(message.len());
        match timeout(deadline, out.send(Message::text(message))).await {
            Ok(Ok(())) => {}
            Ok(Err(_)) => return Ended::Disconnected,
            Err(_) => return Ended::Stuck,
        }
    }
}
