//! How a request was served, step by step, without secrets.

use cliproxy_core::Explanation;

/// Steps kept: a request that tries thousands of credentials tells the first of them.
const MAX_STEPS: usize = 64;

#[derive(Debug, Default)]
pub(crate) struct Trace {
    steps: Vec<String>,
    left_out: usize,
}

impl Trace {
    pub(crate) fn step(&mut self, step: impl Into<String>) {
        if self.steps.len() < MAX_STEPS {
            self.steps.push(step.into());
        } else {
            self.left_out += 1;
        }
    }

    pub(crate) fn finish(mut self) -> Explanation {
        if self.left_out > 0 {
            self.steps.push(format!("{} more steps", self.left_out));
        }
        Explanation { steps: self.steps }
    }
}
