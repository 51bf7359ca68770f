//! Results to standard output, complaints to standard error; a reader who leaves is no failure.

use std::fmt::Display;
use std::io::{self, ErrorKind, Write};

use neurogain::{Error, Result};

/// Prints `text`, which is the result that was asked for.
pub fn print(text: &str) -> Result<()> {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        // `neurogain list | head -1`: whoever stops reading has what they wanted.
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        Err(error) => Err(Error::System {
            action: "write to standard output",
            reason: error.to_string(),
        }),
        Ok(()) => Ok(()),
    }
}

/// Prints a JSON value, indented, on standard output.
pub fn print_json(value: &serde_json::Value) -> Result<()> {
    print(&format!("{value:#}\n"))
}

/// Prints `kind: message` on standard error. If that is gone too there is nobody left to tell.
pub fn complain(kind: &str, message: &dyn Display) {
    let _ = writeln!(io::stderr().lock(), "{kind}: {message}");
}
