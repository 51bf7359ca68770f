//! Results go to standard output, messages to standard error. A closed pipe is not an error. Control characters, which
//! may come from names of files and settings, do not reach the terminal.

use std::borrow::Cow;
use std::fmt::Display;
use std::io::{self, ErrorKind, Write};
use std::path::Path;

use neurogain::{Error, Result};

/// Prints a result.
pub fn print(text: &str) -> Result<()> {
    let mut out = io::stdout().lock();
    match out
        .write_all(visible(text).as_bytes())
        .and_then(|()| out.flush())
    {
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
    let message = message.to_string();
    let _ = writeln!(io::stderr().lock(), "{kind}: {}", visible(&message));
}

/// A path as a word of a shell's command line.
pub fn quoted(path: &Path) -> String {
    let text = path.display().to_string();
    let is_plain = |c: char| c.is_alphanumeric() || "/._-+:@%,=".contains(c);
    match !text.is_empty() && text.chars().all(is_plain) {
        true => text,
        false => format!("'{}'", text.replace('\'', r"'\''")),
    }
}

/// The text with control characters, except ends of lines and tabs, as escapes such as `\u{1b}`.
fn visible(text: &str) -> Cow<'_, str> {
    let is_hidden = |c: char| c.is_control() && !matches!(c, '\n' | '\t');
    if !text.contains(is_hidden) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        match is_hidden(c) {
            true => shown.extend(c.escape_unicode()),
            false => shown.push(c),
        }
    }
    Cow::Owned(shown)
}
