//! Results go to standard output, messages to standard error. A closed pipe is not an error.

use std::fmt::Display;
use std::io::{self, ErrorKind, Write};

use neurogain::{Error, Result};

/// Prints a result.
pub fn print(text: &str) -> Result<()> {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        // As in `neurogain list | head -1`.
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

/// Prints `kind: message` on standard error; a failure to print is ignored.
pub fn report_error(kind: &str, message: &dyn Display) {
    let _ = writeln!(io::stderr().lock(), "{kind}: {message}");
}
