//! Whole replies: the frames of a stream at once.

use super::error;
use super::stream::{Decoder, Encoder};
use crate::aggregate::Aggregator;
use crate::codec::{CodecError, ReplyContext, StreamDecoder as _, StreamEncoder as _};
use crate::framing::EventStreamParser;
use crate::model::Response;
use crate::replay::replay;

pub(super) fn decode(body: &[u8], context: &ReplyContext) -> Result<Response<'static>, CodecError> {
    if let Some(error) = error::stood_in(body) {
        return Err(error);
    }
    let mut decoder = Decoder::new(context);
    let mut aggregator = Aggregator::new();
    let mut parser = EventStreamParser::new();
    let mut result = Ok(());
    parser.push(body, &mut |frame| {
        if result.is_ok() {
            result = decoder.decode(frame, &mut |event| aggregator.push(event));
        }
    })?;
    result?;
    parser.finish()?;
    decoder.finish(&mut |event| aggregator.push(event))?;
    let mut response = aggregator
        .finish()
        .map_err(|error| CodecError::protocol(format!("the reply carried an error: {}", error.message)))?;
    response.unread.extend_from_slice(decoder.unread());
    Ok(response)
}

pub(super) fn encode(response: &Response<'_>, context: &ReplyContext) -> Vec<u8> {
    let mut encoder = Encoder::new(context);
    let mut out = Vec::new();
    replay(response, &mut |event| encoder.encode(event, &mut out));
    out
}
