//! How a request was served, step by step, without secrets.

use cliproxy_core::Explanation;

/// Steps kept: a request that tries thousands of credentials tells the first of them.
const MAX_STEPS: usize = 64;

#[derive(Debug)]
pub(crate) struct Trace {
    /// Whether anybody reads it: most requests are served without a word.
    pub(crate) wanted: bool,
    steps: Vec<String>,
    left_out: usize,
}

impl Trace {
    pub(crate) fn new(wanted: bool) -> Self {
        Self { wanted, steps: Vec::new(), left_out: 0 }
    }

    /// Adds a step, which is put into words only when somebody reads it.
    pub(crate) fn step<S: Into<String>>(&mut self, step: impl FnOnce() -> S) {
        if !self.wanted {
        } else if self.steps.len() < MAX_STEPS {
            self.steps.push(step().into());
        } else {
            self.left_out += 1;
        }
    }

    /// All steps; none is left.
    pub(crate) fn finish(&mut self) -> Explanation {
        if self.left_out > 0 {
            self.steps.push(format!("{} more steps", self.left_out));
        }
        Explanation { steps: std::mem::take(&mut self.steps) }
    }
}
