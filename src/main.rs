//! The `neurogain` program.

fn main() {}
