//! Run directories, tables, figures and the HTML report.
