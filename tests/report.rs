//! Run directories, tables, figures and the HTML report.
#![cfg(feature = "report")]

#[path = "report/synthetic.rs"]
mod synthetic;

#[path = "report/differences.rs"]
mod differences;

#[path = "report/python.rs"]
mod python;

#[path = "report/directories.rs"]
mod directories;

#[path = "report/events.rs"]
mod events;

#[path = "report/numpy.rs"]
mod numpy;

#[path = "report/pages.rs"]
mod pages;

#[path = "report/tables.rs"]
mod tables;
