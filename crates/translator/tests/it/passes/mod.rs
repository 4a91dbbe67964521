//! The shared passes, case by case. Numbers are those of translation.md.

mod arguments;
mod cleaning;
mod enforced;
mod ids;
mod matrix;
mod media;
mod reasoning;
mod schemas;
mod state;
mod turns;
