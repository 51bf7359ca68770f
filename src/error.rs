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

/// `core::result::Result` with this crate's [`Error`].
pub type Result<T> = core::result::Result<T, Error>;

/// What went wrong, where, and what would be right.
#[non_exhaustive]
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Error {
    /// Operands whose shapes do not fit an operation.
    Shape {
        /// The operation that was asked for.
        operation: &'static str,
        /// The shape, or relation of shapes, that it needs.
        expected: String,
        /// What it was given.
        found: String,
    },
    /// A setting, argument or parameter whose value is outside its range.
    Setting {
        /// Its name, as a user writes it.
        name: String,
        /// The value given.
        value: String,
        /// The values that are right.
        expected: String,
    },
    /// An unrecognised name.
    Unknown {
        /// What kind of thing was named: "benchmark", "method", "setting".
        kind: &'static str,
        /// The name given.
        name: String,
        /// The known name nearest to it, if one is near.
        nearest: Option<String>,
        /// Every known name, for the message; separated by commas.
        known: String,
    },
    /// A file whose contents are not what its format says, or do not belong to what they are used with.
    Format {
        /// The file.
        path: String,
        /// What is wrong with it, and what would be right.
        problem: String,
    },
    /// A file of settings, or of a sweep, that contains an invalid setting.
    Settings {
        /// The file.
        path: String,
        /// The line and setting, what is wrong with it, and what would be right.
        problem: String,
    },
    /// A file or directory cannot be read or written: the operating system refuses, something is in the way, or
    /// nothing is there.
    File {
        /// The file or directory.
        path: String,
        /// What was being done: "read", "create".
        action: &'static str,
        /// Why not.
        reason: String,
    },
    /// The operating system refused something other than a file.
    System {
        /// What was being done: "write to standard output".
        action: &'static str,
        /// The operating system's reason.
        reason: String,
    },
    /// A result cannot be written in a file format.
    Encoding {
        /// What was to be written: "summary".
        what: String,
        /// The format: "JSON".
        format: &'static str,
        /// Why the format cannot hold it.
        reason: String,
    },
    /// A job that does not fit the plan of its run, such as one that the plan does not have.
    Job {
        /// Its identity or number.
        job: String,
        /// What is wrong with it, and what would be right.
        problem: String,
    },
    /// Training produced a number that is not finite.
    Diverged {
        /// The iteration, counted from 1 over the whole run.
        iteration: usize,
        /// The quantity that is not finite.
        quantity: String,
        /// Its value.
        value: String,
    },
    /// More memory is needed than there is.
    Memory {
        /// What needs it.
        purpose: String,
        /// Bytes needed.
        bytes: u64,
        /// What would make it fit.
        remedy: String,
    },
    /// The processor cannot run the instruction set that was asked for.
    InstructionSet {
        /// The set asked for.
        name: String,
        /// The sets this processor can run, separated by commas.
        available: String,
    },
    /// A device that computes is missing, or fails.
    Device {
        /// The device, or the library that it needs.
        device: String,
        /// What is wrong with it.
        problem: String,
        /// What to install or change.
        remedy: String,
    },
    /// The run was stopped by its user.
    Interrupted {
        /// Iterations that were finished.
        iteration: usize,
    },
}

impl Error {
    /// Whether the request itself was wrong (exit code 2 of the program), rather than its execution.
    pub fn is_usage(&self) -> bool {
        matches!(
            self,
            Error::Setting { .. }
                | Error::Settings { .. }
                | Error::Unknown { .. }
                | Error::InstructionSet { .. }
        )
    }

    /// The same with what to do about it, if it is an [`Error::File`]: `path: cannot action: reason{advice}`.
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
                write!(f, "interrupted after {iteration} iterations")
            }
        }
    }
}

impl core::error::Error for Error {}
