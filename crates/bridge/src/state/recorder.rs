//! Reads a reply on its way to a client that cannot keep its state.

use cliproxy_translator::model::{Event, Response};
use cliproxy_translator::pass::recall::{Recall as _, Watcher};
use cliproxy_translator::{ReplyContext, replay};

use super::scope::Scope;

/// Remembers what one reply carries, once it is whole.
#[derive(Debug)]
pub(crate) struct Recorder {
    watcher: Option<Watcher>,
    scope: Scope,
}

impl Recorder {
    pub(crate) fn new(scope: Scope, context: &ReplyContext) -> Self {
        let watcher = Watcher::new(scope.issuer(), context.seed.clone(), context.question);
        Self { watcher: Some(watcher), scope }
    }

    /// Looks at an event. A stream that breaks off leaves nothing behind.
    pub(crate) fn event(&mut self, event: &Event<'_>) {
        if matches!(event, Event::End) {
            for (anchor, states) in self.watcher.take().map(Watcher::finish).unwrap_or_default() {
                self.scope.put(&anchor, states);
            }
        } else if let Some(watcher) = &mut self.watcher {
            watcher.event(event);
        }
    }

    /// Looks at a whole reply.
    pub(crate) fn response(mut self, response: &Response<'_>) {
        replay(response, &mut |event| self.event(&event));
    }
}
