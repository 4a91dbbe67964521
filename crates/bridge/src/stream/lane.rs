//! The ways from upstream bytes to client bytes: passed through, translated, or put together.

use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use cliproxy_core::ClientError;
use cliproxy_translator::framing::FrameParser;
use cliproxy_translator::model::{Event, Response, StreamError};
use cliproxy_translator::registry::StreamPipe;
use cliproxy_translator::{
    Aggregator, Codec, CodecError, Loss, Observed, ReplyContext, ReplyMeter, StreamDecoder, StreamEncoder,
    StreamFrame, StreamObserver, StreamSeen,
};

use super::outbox::Outbox;
use crate::state::Recorder;

/// A way from chunks to frames.
pub(crate) trait Lane: Send {
    /// Reads a chunk, cut anywhere. After the terminal event or an error event it reads no further.
    fn push(&mut self, chunk: &Bytes, out: &mut Outbox) -> Result<(), CodecError>;

    /// The bytes ended: whatever was held back.
    fn finish(&mut self, out: &mut Outbox) -> Result<(), CodecError>;

    /// What went by so far.
    fn seen(&self) -> &StreamSeen;

    /// How many frames went by.
    fn frames(&self) -> usize;

    /// What the client's format could not say so far.
    fn losses(&self) -> &[Loss] {
        &[]
    }

    /// Bytes that end the client's stream with this error.
    fn fail(&mut self, error: &ClientError, out: &mut Vec<u8>);
}

/// Whether nothing more may be read.
fn is_over(seen: &StreamSeen) -> bool {
    seen.terminal || seen.error.is_some()
}

/// Client and provider speak the same format: frames go on as they came.
pub(crate) struct PassLane {
    parser: FrameParser,
    observer: Box<dyn StreamObserver>,
    frames: usize,
}

impl PassLane {
    /// `wire` is the codec of the provider's format.
    pub(crate) fn new(wire: &dyn Codec, context: &ReplyContext) -> Self {
        let parser = FrameParser::new(wire.framing());
        Self { parser, observer: wire.stream_observer(context), frames: 0 }
    }
}

impl Lane for PassLane {
    fn push(&mut self, chunk: &Bytes, out: &mut Outbox) -> Result<(), CodecError> {
        let Self { parser, observer, frames } = self;
        // Neighbouring frames of the chunk leave as one slice of it.
        let mut run = 0..0;
        let result = parser.push_raw(chunk, &mut |frame, raw| {
            if is_over(observer.seen()) {
                return;
            }
            *frames += 1;
            let verdict = observer.observe(frame);
            if observer.seen().error.is_some() {
                return;
            }
            match (verdict, place_in(chunk, &raw)) {
                (Observed::Pass, Some(place)) if place.start == run.end => run.end = place.end,
                (Observed::Pass, Some(place)) => {
                    flush(chunk, &run, out);
                    run = place;
                }
                (Observed::Pass, None) => {
                    flush(chunk, &run, out);
                    run = 0..0;
                    out.pass(raw);
                }
                (Observed::Replace(bytes), _) => {
                    flush(chunk, &run, out);
                    run = 0..0;
                    out.pass(bytes);
                }
                // `Drop`, and whatever a later version of the translator keeps from clients.
                _ => {}
            }
        });
        flush(chunk, &run, out);
        result
    }

    fn finish(&mut self, out: &mut Outbox) -> Result<(), CodecError> {
        let Self { parser, observer, frames } = self;
        parser.finish_raw(&mut |frame, raw| {
            if is_over(observer.seen()) {
                return;
            }
            *frames += 1;
            let verdict = observer.observe_last(frame);
            if observer.seen().error.is_some() {
                return;
            }
            match verdict {
                Observed::Pass => out.pass(raw),
                Observed::Replace(bytes) => out.pass(bytes),
                _ => {}
            }
        })?;
        if !is_over(observer.seen()) {
            observer.finish(out.writer());
        }
        Ok(())
    }

    fn seen(&self) -> &StreamSeen {
        self.observer.seen()
    }

    fn frames(&self) -> usize {
        self.frames
    }

    fn fail(&mut self, error: &ClientError, out: &mut Vec<u8>) {
        self.observer.fail(error, out);
    }
}

/// Where in the chunk a frame lies; `None` for a frame that was put together from several.
fn place_in(chunk: &Bytes, raw: &Bytes) -> Option<Range<usize>> {
    let start = raw.as_ptr().addr().checked_sub(chunk.as_ptr().addr())?;
    let end = start.checked_add(raw.len())?;
    (end <= chunk.len()).then_some(start..end)
}

fn flush(chunk: &Bytes, run: &Range<usize>, out: &mut Outbox) {
    if !run.is_empty() {
        out.pass(chunk.slice(run.clone()));
    }
}

/// Frames are decoded to canonical events.
struct Reading {
    parser: FrameParser,
    decoder: Box<dyn StreamDecoder>,
    seen: StreamSeen,
    frames: usize,
}

impl Reading {
    fn new(wire: &dyn Codec, context: &ReplyContext) -> Self {
        let (parser, decoder) = (FrameParser::new(wire.framing()), wire.stream_decoder(context));
        Self { parser, decoder, seen: StreamSeen::default(), frames: 0 }
    }

    fn push(&mut self, chunk: &[u8], sink: &mut dyn FnMut(Event<'_>)) -> Result<(), CodecError> {
        let Self { parser, decoder, seen, frames } = self;
        let mut broken = Ok(());
        parser.push(chunk, &mut |frame| decode(frame, decoder.as_mut(), seen, frames, &mut broken, sink))?;
        broken
    }

    fn finish(&mut self, sink: &mut dyn FnMut(Event<'_>)) -> Result<(), CodecError> {
        let Self { parser, decoder, seen, frames } = self;
        let mut broken = Ok(());
        parser.finish(&mut |frame| decode(frame, decoder.as_mut(), seen, frames, &mut broken, sink))?;
        broken?;
        if is_over(seen) {
            return Ok(());
        }
        decoder.finish(&mut |event| note(event, seen, sink))
    }
}

fn decode(
    frame: StreamFrame<'_>,
    decoder: &mut dyn StreamDecoder,
    seen: &mut StreamSeen,
    frames: &mut usize,
    broken: &mut Result<(), CodecError>,
    sink: &mut dyn FnMut(Event<'_>),
) {
    if broken.is_err() || is_over(seen) {
        return;
    }
    *frames += 1;
    let result = decoder.decode(frame, &mut |event| note(event, seen, sink));
    // What a decoder cannot read behind the end changes nothing about it.
    if !is_over(seen) {
        *broken = result;
    }
}

/// Notes what matters of an event and hands it on. Nothing follows the terminal event or an error.
// Source: translation.md B68 "Anything after the terminal event is dropped", B77 "After an error nothing else".
fn note(event: Event<'_>, seen: &mut StreamSeen, sink: &mut dyn FnMut(Event<'_>)) {
    if is_over(seen) {
        return;
    }
    match &event {
        Event::Usage(usage) => seen.usage.merge(usage),
        Event::Finish { finish, .. } => {
            seen.finish.get_or_insert(finish.reason);
        }
        Event::Error(error) => {
            seen.error = Some(error.clone().into_owned());
            return;
        }
        Event::End => seen.terminal = true,
        _ => {}
    }
    seen.semantic |= event.is_semantic();
    sink(event);
}

/// Client and provider speak different formats.
pub(crate) struct HubLane {
    reading: Reading,
    encoder: Box<dyn StreamEncoder>,
    recorder: Option<Recorder>,
    meter: ReplyMeter,
}

impl HubLane {
    /// `wire` is the codec of the provider's format.
    pub(crate) fn new(
        wire: &dyn Codec,
        context: &ReplyContext,
        client: &Arc<dyn Codec>,
        recorder: Option<Recorder>,
    ) -> Self {
        let meter = ReplyMeter::new(Arc::clone(client), context.searches_web);
        let encoder = client.stream_encoder(context);
        Self { reading: Reading::new(wire, context), encoder, recorder, meter }
    }
}

fn written(
    event: Event<'_>,
    encoder: &mut dyn StreamEncoder,
    (recorder, meter): (&mut Option<Recorder>, &mut ReplyMeter),
    out: &mut Outbox,
) {
    meter.event(&event);
    if let Some(recorder) = recorder {
        recorder.event(&event);
    }
    encoder.encode(event, out.writer());
}

impl Lane for HubLane {
    fn push(&mut self, chunk: &Bytes, out: &mut Outbox) -> Result<(), CodecError> {
        let Self { reading, encoder, recorder, meter } = self;
        let read = reading.push(chunk, &mut |event| written(event, encoder.as_mut(), (recorder, meter), out));
        meter.unread(reading.decoder.unread());
        meter.encoder(encoder.losses());
        read
    }

    fn finish(&mut self, out: &mut Outbox) -> Result<(), CodecError> {
        let Self { reading, encoder, recorder, meter } = self;
        let read = reading.finish(&mut |event| written(event, encoder.as_mut(), (recorder, meter), out));
        meter.unread(reading.decoder.unread());
        meter.encoder(encoder.losses());
        read
    }

    fn seen(&self) -> &StreamSeen {
        &self.reading.seen
    }

    fn frames(&self) -> usize {
        self.reading.frames
    }

    fn losses(&self) -> &[Loss] {
        self.meter.losses()
    }

    fn fail(&mut self, error: &ClientError, out: &mut Vec<u8>) {
        self.encoder.fail(error, out);
    }
}

/// The client wants a whole reply of a provider that only streams. Source: translation.md B74.
pub(crate) struct AggregateLane {
    reading: Reading,
    aggregator: Aggregator,
}

impl AggregateLane {
    /// `wire` is the codec of the format that is read.
    pub(crate) fn new(wire: &dyn Codec, context: &ReplyContext) -> Self {
        Self { reading: Reading::new(wire, context), aggregator: Aggregator::new() }
    }

    /// Reads a client's stream that was written before, from its frames.
    pub(crate) fn read_all(&mut self, frames: &Bytes) -> Result<(), CodecError> {
        let mut out = Outbox::default();
        self.push(frames, &mut out)?;
        self.finish(&mut out)
    }

    /// The reply, once the stream ended well.
    pub(crate) fn into_response(self) -> Result<(Response<'static>, StreamSeen), Box<StreamError<'static>>> {
        let Reading { decoder, seen, .. } = self.reading;
        let mut response = self.aggregator.finish()?;
        response.unread.extend_from_slice(decoder.unread());
        Ok((response, seen))
    }
}

impl Lane for AggregateLane {
    fn push(&mut self, chunk: &Bytes, _out: &mut Outbox) -> Result<(), CodecError> {
        let Self { reading, aggregator } = self;
        reading.push(chunk, &mut |event| aggregator.push(event))
    }

    fn finish(&mut self, _out: &mut Outbox) -> Result<(), CodecError> {
        let Self { reading, aggregator } = self;
        reading.finish(&mut |event| aggregator.push(event))
    }

    fn seen(&self) -> &StreamSeen {
        &self.reading.seen
    }

    fn frames(&self) -> usize {
        self.reading.frames
    }

    fn fail(&mut self, _error: &ClientError, _out: &mut Vec<u8>) {
        // Nobody reads a stream here: the failure is the result of the attempt.
    }
}

/// Through the registry: third parties have a say in it, in one way or another.
pub(crate) struct PipeLane {
    pipe: StreamPipe,
    chunks: usize,
}

impl PipeLane {
    pub(crate) fn new(pipe: StreamPipe) -> Self {
        Self { pipe, chunks: 0 }
    }
}

impl Lane for PipeLane {
    fn push(&mut self, chunk: &Bytes, out: &mut Outbox) -> Result<(), CodecError> {
        self.chunks += 1;
        self.pipe.push(chunk, out.writer())
    }

    fn finish(&mut self, out: &mut Outbox) -> Result<(), CodecError> {
        self.pipe.finish(out.writer())
    }

    fn seen(&self) -> &StreamSeen {
        self.pipe.seen()
    }

    fn frames(&self) -> usize {
        self.chunks
    }

    fn losses(&self) -> &[Loss] {
        self.pipe.losses()
    }

    fn fail(&mut self, error: &ClientError, out: &mut Vec<u8>) {
        self.pipe.fail(error, out);
    }
}
