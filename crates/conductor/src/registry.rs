//! Which models there are, and who offers them.

mod index;
mod intern;
mod near;
mod offer;
mod pattern;
mod resolve;
mod suffix;

pub(crate) use index::{Index, ModelRoutes, Route};
pub(crate) use intern::Interner;
pub(crate) use offer::{Offer, OfferedModel, UpstreamRoute, list_fingerprint};
pub(crate) use resolve::{Resolution, Unknown, resolve};
