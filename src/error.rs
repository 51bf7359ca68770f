//! The one error type: every failure says what was wrong, where, and what would be right.
//!
//! ```
//! use neurogain::data::Dataset;
//! let error = Dataset::new(2, 2, vec![1, 2], vec![7]).unwrap_err();
//! assert_eq!(error.to_string(), "label of sample 0 = 7: expected a class below 2");
//! ```

use alloc::format;
use alloc::string::{String, ToString};
use core::fmt;

use crate::counted::counted;

/// `core::result::Result` with this crate's [`Error`].
pub type Result<T> = core::result::Result<T, Error>;

/// An error. It names the problem, its place and the correct values.
#[non_exhaustive]
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Error {
    /// Operands whose shapes do not fit an operation.
    Shape {
        /// The operation.
        operation: &'static str,
        /// The shape, or relation of shapes, that it needs.
        expected: String,
        /// The shape that was given.
        found: String,
    },
    /// A setting, argument or parameter whose value is outside its range.
    Setting {
        /// The setting's name, as a user writes it.
        name: String,
        /// The value given.
        value: String,
        /// The valid values.
        expected: String,
    },
    /// An unrecognised name.
    Unknown {
        /// What kind of thing was named: "benchmark", "method", "setting".
        kind: &'static str,
        /// The name given.
        name: String,
        /// The known name nearest to it, if there is a similar one.
        nearest: Option<String>,
        /// All known names, separated by commas, for the message.
        known: String,
    },
    /// A file with invalid contents, or a file that belongs to other settings or data.
    Format {
        /// The file.
        path: String,
        /// What is wrong with it, and what would be right.
        problem: String,
    },
    /// A file of settings or of a sweep that contains an invalid setting.
    Settings {
        /// The file.
        path: String,
        /// The line, the setting, the problem and the correct values.
        problem: String,
    },
    /// A file or directory cannot be read or written: the operating system refuses, the path is taken, or it does not
    /// exist.
    File {
        /// The file or directory.
        path: String,
        /// The action that failed: "read", "create".
        action: &'static str,
        /// The reason.
        reason: String,
    },
    /// The operating system refused something other than a file.
    System {
        /// The action that failed: "write to standard output".
        action: &'static str,
        /// The operating system's reason.
        reason: String,
    },
    /// A result cannot be written in a file format.
    Encoding {
        /// The kind of result: "summary".
        what: String,
        /// The format: "JSON".
        format: &'static str,
        /// Why the format cannot hold it.
        reason: String,
    },
    /// A job that does not match the plan of its run, such as one that is not in the plan.
    Job {
        /// Its identity or number.
        job: String,
        /// What is wrong with it, and what would be right.
        problem: String,
    },
    /// Training produced a non-finite number.
    Diverged {
        /// The iteration, counted from 1 over the whole run.
        iteration: usize,
        /// The non-finite quantity.
        quantity: String,
        /// Its value.
        value: String,
    },
    /// Not enough memory.
    Memory {
        /// What the memory is for.
        purpose: String,
        /// Bytes needed.
        bytes: u64,
        /// What would make it fit.
        remedy: String,
    },
    /// The processor cannot run the requested instruction set.
    InstructionSet {
        /// The requested instruction set.
        name: String,
        /// The sets this processor can run, separated by commas.
        available: String,
    },
    /// A compute device is missing or fails.
    Device {
        /// The device, or the library that it needs.
        device: String,
        /// What is wrong with it.
        problem: String,
        /// What to install or change.
        remedy: String,
    },
    /// The user stopped the run.
    Interrupted {
        /// Iterations completed.
        iteration: usize,
    },
}

impl Error {
    /// Whether the request was wrong (exit code 2 of the program), not its execution.
    pub fn is_usage(&self) -> bool {
        matches!(
            self,
            Error::Setting { .. }
                | Error::Settings { .. }
                | Error::Unknown { .. }
                | Error::InstructionSet { .. }
        )
    }

    /// Appends advice to an [`Error::File`]: `path: cannot action: reason{advice}`. Other errors stay unchanged.
    pub fn advised(self, advice: &str) -> Self {
        match self {
            Error::File {
                path,
                action,
                reason,
            } => Error::File {
                path,
                action,
                reason: format!("{reason}{advice}"),
            },
            other => other,
        }
    }

    pub(crate) fn shape(
        operation: &'static str,
        expected: impl ToString,
        found: impl ToString,
    ) -> Self {
        Error::Shape {
            operation,
            expected: expected.to_string(),
            found: found.to_string(),
        }
    }

    pub(crate) fn setting(
        name: impl ToString,
        value: impl ToString,
        expected: impl ToString,
    ) -> Self {
        Error::Setting {
            name: name.to_string(),
            value: value.to_string(),
            expected: expected.to_string(),
        }
    }
}

#[cfg(feature = "std")]
impl Error {
    pub(crate) fn format(path: &std::path::Path, problem: impl ToString) -> Self {
        Error::Format {
            path: path.display().to_string(),
            problem: problem.to_string(),
        }
    }

    #[cfg(feature = "report")]
    pub(crate) fn encoding(
        what: impl ToString,
        format: &'static str,
        reason: impl ToString,
    ) -> Self {
        Error::Encoding {
            what: what.to_string(),
            format,
            reason: reason.to_string(),
        }
    }

    #[cfg(feature = "report")]
    pub(crate) fn job(job: impl ToString, problem: impl ToString) -> Self {
        Error::Job {
            job: job.to_string(),
            problem: problem.to_string(),
        }
    }

    pub(crate) fn file(
        path: &std::path::Path,
        action: &'static str,
        reason: impl ToString,
    ) -> Self {
        Error::File {
            path: path.display().to_string(),
            action,
            reason: reason.to_string(),
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Shape {
                operation,
                expected,
                found,
            } => write!(f, "{operation}: expected {expected}, found {found}"),
            Error::Setting {
                name,
                value,
                expected,
            } => write!(f, "{name} = {value}: expected {expected}"),
            Error::Unknown {
                kind,
                name,
                nearest,
                known,
            } => {
                let hint = match nearest {
                    Some(nearest) => format!("did you mean `{nearest}`?"),
                    None => format!("known: {known}"),
                };
                write!(f, "unknown {kind} `{name}`; {hint}")
            }
            Error::Format { path, problem } | Error::Settings { path, problem } => {
                write!(f, "{path}: {problem}")
            }
            Error::File {
                path,
                action,
                reason,
            } => write!(f, "{path}: cannot {action}: {reason}"),
            Error::System { action, reason } => write!(f, "cannot {action}: {reason}"),
            Error::Encoding {
                what,
                format,
                reason,
            } => write!(f, "{what}: cannot be written as {format}: {reason}"),
            Error::Job { job, problem } => write!(f, "job {job}: {problem}"),
            Error::Diverged {
                iteration,
                quantity,
                value,
            } => write!(
                f,
                "training diverged: {quantity} is {value} at iteration {iteration}"
            ),
            Error::Memory {
                purpose,
                bytes,
                remedy,
            } => write!(
                f,
                "{purpose} needs {:.1} MiB of memory, more than there is; {remedy}",
                *bytes as f64 / (1024.0 * 1024.0)
            ),
            Error::InstructionSet { name, available } => write!(
                f,
                "NEUROGAIN_SIMD = {name}: this processor can run {available}"
            ),
            Error::Device {
                device,
                problem,
                remedy,
            } => write!(f, "{device}: {problem}; {remedy}"),
            Error::Interrupted { iteration } => {
                write!(f, "interrupted after {}", counted(*iteration, "iteration"))
            }
        }
    }
}

impl core::error::Error for Error {}
