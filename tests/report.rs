//! Run directories, tables, figures and the HTML report.
#![cfg(feature = "report")]

#[path = "report/synthetic.rs"]
mod synthetic;

#[path = "report/differences.rs"]
mod differences;

#[path = "report/directories.rs"]
mod directories;

#[path = "report/pages.rs"]
mod pages;

#[path = "report/tables.rs"]
mod tables;
