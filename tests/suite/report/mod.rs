//! Run directories, tables, figures and the HTML report.
#![cfg(feature = "report")]

mod compared;
mod differences;
mod directories;
mod events;
mod numpy;
mod pages;
mod tables;

use crate::synthetic;
