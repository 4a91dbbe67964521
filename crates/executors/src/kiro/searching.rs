//! Replies in which the model may search the web: several of the service, one to the client. Between two of them the
//! searches run that the model asked for. Source: providers-b.md 1.5.9.

use bytes::Bytes;
use cliproxy_core::{Attempt, ErrorKind, ExecutorError, UpstreamBytes, WireStream};
use cliproxy_translator::CodecError;
use cliproxy_translator::format::kiro::search::{
    AskedSearch, RoundEnd, SearchAnswer, SearchFailure, SearchOrder, SearchRound, continued, told,
};
use futures_util::future::join_all;
use futures_util::{StreamExt as _, stream};

use super::executor::KiroExecutor;

/// Rounds of searches in one turn. Source: providers-b.md 1.5.9 "at most 5 rounds".
const MAX_ROUNDS: usize = 5;
/// Searches that run side by side.
const MAX_AT_ONCE: usize = 5;

/// A reply of the service that is under way.
struct Turn {
    executor: KiroExecutor,
    attempt: Attempt,
    order: SearchOrder,
    body: Bytes,
    reply: Option<(UpstreamBytes, SearchRound)>,
    rounds: usize,
    /// How many searches the client still pays for.
    left: u64,
}

/// The client's stream. Dropping it cancels whatever is under way.
pub(super) async fn stream(
    executor: KiroExecutor,
    attempt: Attempt,
    body: Bytes,
    order: SearchOrder,
) -> Result<WireStream, ExecutorError> {
    let first = executor.generate(&attempt, &body).await?;
    let left = order.max_uses().unwrap_or(u64::MAX);
    let reply = Some((first.body, order.round()));
    let turn = Turn { executor, attempt, order, body, reply, rounds: 0, left };
    let pieces = stream::try_unfold(Box::new(turn), |mut turn| async move {
        Ok(turn.piece().await?.map(|piece| (piece, turn)))
    });
    let mut whole = WireStream::new(first.headers, Box::pin(pieces));
    whole.status = first.status;
    Ok(whole)
}

fn broken(error: CodecError) -> ExecutorError {
    let kind = ErrorKind::Interrupted;
    ExecutorError::new(kind, "the reply of the service cannot be read").with_source(error)
}

impl Turn {
    /// What goes to the client next; `None` at the end.
    async fn piece(&mut self) -> Result<Option<Bytes>, ExecutorError> {
        while let Some((body, round)) = &mut self.reply {
            let mut out = Vec::new();
            match body.next().await {
                Some(piece) => round.push(&piece?, &mut out).map_err(broken)?,
                None => out = self.next_reply().await?,
            }
            if !out.is_empty() {
                return Ok(Some(Bytes::from(out)));
            }
        }
        Ok(None)
    }

    /// Runs the searches that the reply asked for, and begins the next one. What is told of them waits until the service
    /// takes the request: until then another credential may do all of it.
    async fn next_reply(&mut self) -> Result<Vec<u8>, ExecutorError> {
        let Some((_, round)) = self.reply.take() else { return Ok(Vec::new()) };
        let end = round.finish().map_err(broken)?;
        if end.searches.is_empty() {
            return Ok(Vec::new());
        }
        let answers = self.answers(&end).await;
        // The client's own tools come first: it is asked, and brings all of it back.
        if end.client_called {
            return Ok(told(&answers, false));
        }
        // The model was told that there is nothing left, and asks on.
        if self.rounds > MAX_ROUNDS {
            return Ok(told(&answers, true));
        }
        self.body = continued(&self.order, &self.body, &end, &answers).map_err(broken)?;
        let next = self.executor.generate(&self.attempt, &self.body).await?;
        self.reply = Some((next.body, self.order.round()));
        Ok(told(&answers, false))
    }

    async fn answers(&mut self, end: &RoundEnd) -> Vec<SearchAnswer> {
        self.rounds += 1;
        let may = if self.rounds > MAX_ROUNDS { 0 } else { MAX_AT_ONCE };
        let mut running = 0;
        let mut runs = |asked: &AskedSearch| {
            let runs = asked.query.is_some() && running < may && self.left > 0;
            if runs {
                running += 1;
                self.left -= 1;
            }
            runs
        };
        let asked: Vec<(&AskedSearch, bool)> =
            end.searches.iter().map(|asked| (asked, runs(asked))).collect();
        let (executor, attempt, order) = (&self.executor, &self.attempt, &self.order);
        join_all(asked.into_iter().map(|(asked, runs)| answer(executor, attempt, order, asked, runs))).await
    }
}

async fn answer(
    executor: &KiroExecutor,
    attempt: &Attempt,
    order: &SearchOrder,
    asked: &AskedSearch,
    runs: bool,
) -> SearchAnswer {
    let outcome = match &asked.query {
        None => Err(SearchFailure::InvalidInput),
        Some(_) if !runs => Err(SearchFailure::MaxUses),
        Some(query) => executor.search(attempt, query).await.map(|mut pages| {
            pages.retain(|page| order.admits(&page.url));
            pages
        }),
    };
    SearchAnswer::new(asked.clone(), outcome)
}
