//! The continual loop and the run record.

pub mod history;

pub use history::{Evaluation, History, Record};
