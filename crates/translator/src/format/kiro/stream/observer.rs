//! Streams that pass through: every frame is read, as none says which of the others matters.

use cliproxy_core::ClientError;

use super::super::error;
use super::Decoder;
use crate::codec::{Observed, ReplyContext, StreamDecoder as _, StreamObserver, StreamSeen};
use crate::frame::StreamFrame;
use crate::model::Event;

/// Watches a stream.
#[derive(Debug)]
pub(in super::super) struct Observer {
    decoder: Decoder,
    seen: StreamSeen,
}

impl Observer {
    pub(in super::super) fn new(context: &ReplyContext) -> Self {
        Self { decoder: Decoder::new(context), seen: StreamSeen::default() }
    }
}

fn note(seen: &mut StreamSeen, event: &Event<'_>) {
    seen.semantic |= event.is_semantic();
    match event {
        Event::Usage(usage) => seen.usage.merge(usage),
        Event::Finish { finish, .. } => {
            seen.finish.get_or_insert(finish.reason);
        }
        Event::Error(error) => seen.error = Some(error.clone().into_owned()),
        Event::End => seen.terminal = true,
        _ => {}
    }
}

impl StreamObserver for Observer {
    fn observe(&mut self, frame: StreamFrame<'_>) -> Observed {
        let Self { decoder, seen } = self;
        // What cannot be read here is the client's to judge: it speaks the format itself.
        let _unread = decoder.decode(frame, &mut |event| note(seen, &event));
        Observed::Pass
    }

    fn seen(&self) -> &StreamSeen {
        &self.seen
    }

    /// The end of the bytes is the end of the reply: no frame says it.
    fn finish(&mut self, _out: &mut Vec<u8>) {
        let Self { decoder, seen } = self;
        let _broken = decoder.finish(&mut |event| note(seen, &event));
    }

    fn fail(&mut self, error: &ClientError, out: &mut Vec<u8>) {
        error::encode_frame(error, out);
    }
}
