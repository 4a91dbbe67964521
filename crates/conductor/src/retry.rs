//! The one retry loop.

mod answer;
mod attempt;
mod rounds;
mod run;
mod survey;
mod unasked;
mod verdict;

pub(crate) use run::serve;
pub(crate) use survey::Survey;
pub(crate) use verdict::judge;
