//! Web searches for models of Kiro. The service has a search of its own beside the conversation, but does not run it by
//! itself: whoever sends the request does, with what is here, and without a thought about formats.
//!
//! A request of a client with a web search declares a tool and says in a member of its own, the [`SearchOrder`], which one
//! that is. A [`SearchRound`] reads the frames of a reply, lets through what is the client's and keeps the calls of that
//! tool. [`continued`] is the request that goes on from there, and [`told`] the frame by which the decoder tells the
//! client. Source: providers-b.md 1.5.9; translation.md B84, B85.

mod next;
mod order;
mod round;

pub use next::{SearchAnswer, SearchFailure, continued, told};
pub(super) use next::{Searched, in_words};
pub use order::SearchOrder;
pub(super) use order::{Wanted, write_order};
pub use round::{AskedSearch, RoundEnd, SearchRound};

pub use crate::pass::searches::Page;

/// The event that tells of searches between two replies of the service, in a stream that is one reply to the client.
/// None of the service's own has this name.
pub(super) const SEARCHED: &str = "cliproxyWebSearchEvent";
