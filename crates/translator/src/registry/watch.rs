//! What a third party writes, read over its shoulder: whoever ends its stream must know how far it came.

use cliproxy_core::ClientError;

use crate::codec::{Codec, ReplyContext, StreamObserver};
use crate::framing::{FrameParser, write_sse};
use crate::json::Writer;
use crate::pass::errors::chat_type;

/// Follows a stream in the client's format that no encoder of ours wrote.
pub(super) struct Watch {
    parser: FrameParser,
    observer: Box<dyn StreamObserver>,
    /// Whether all of it could be read so far.
    readable: bool,
}

impl Watch {
    /// `client` is the codec of the client's format.
    pub(super) fn new(client: &dyn Codec, context: &ReplyContext) -> Self {
        let parser = FrameParser::new(client.framing());
        Self { parser, observer: client.stream_observer(context), readable: true }
    }

    /// The client gets this.
    pub(super) fn wrote(&mut self, bytes: &[u8]) {
        let Self { parser, observer, readable } = self;
        // What cannot be read is the third party's to answer for: here it only goes unseen, with all that follows.
        if *readable {
            let read = parser.push(bytes, &mut |frame| {
                if !is_over(&**observer) {
                    observer.observe(frame);
                }
            });
            *readable = read.is_ok();
        }
    }

    /// Ends it with this error, unless it has an end already. Source: translation.md B68, B77.
    pub(super) fn fail(&mut self, error: &ClientError, out: &mut Vec<u8>) {
        if !is_over(&*self.observer) {
            self.observer.fail(error, out);
        }
    }
}

fn is_over(observer: &dyn StreamObserver) -> bool {
    observer.seen().terminal || observer.seen().error.is_some()
}

/// An error for a client of whose format nothing is known: a bare event is all that can be said.
pub(super) fn bare_error(error: &ClientError, out: &mut Vec<u8>) {
    let mut writer = Writer::default();
    writer.begin_object();
    writer.key("error");
    writer.begin_object();
    writer.field_string("message", &error.message);
    writer.field_string("type", chat_type(error.status.as_u16()));
    writer.end_object();
    writer.end_object();
    write_sse(out, None, &writer.into_bytes());
}
