//! The command line: arguments, progress and exit codes around the library.
//!
//! | exit code | means |
//! | --- | --- |
//! | 0 | done |
//! | 1 | failed: a file, memory, training that diverged (in a sweep it is a result) |
//! | 2 | wrong arguments or settings |
//! | 130 | stopped with Ctrl-C; the results so far are on disk |

mod arguments;
mod bench;
mod data;
mod device;
mod figure;
mod filling;
mod help;
mod list;
mod output;
mod progress;
mod report;
mod run;
mod slurm;
mod sweep;

use std::process::ExitCode;

use clap::Parser;

use arguments::{Arguments, Command};
use neurogain::run::continual::{self, Registration};

/// Runs the program with its command-line arguments. Settings can name `learners` and the built-in learners. Your own
/// program with your own learners is a `main` that calls this function.
pub fn main(learners: &[Registration]) -> ExitCode {
    hold_back_file_size_signal();
    if let Err(error) = continual::register(learners) {
        output::report_error("error", &error);
        return ExitCode::from(2);
    }
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        // Help and version arrive here too. `print` fails only if the output is closed.
        Err(error) => {
            let _ = error.print();
            return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2));
        }
    };
    let done = match arguments.command {
        None => run::run(&arguments::Run::default()),
        Some(Command::Run(arguments)) => run::run(&arguments),
        Some(Command::Sweep(arguments)) => sweep::sweep(&arguments),
        Some(Command::List(arguments)) => list::list(&arguments).map(|()| ExitCode::SUCCESS),
        Some(Command::Figure(arguments)) => figure::figure(&arguments),
        Some(Command::Data(arguments)) => data::data(&arguments).map(|()| ExitCode::SUCCESS),
        Some(Command::Bench(arguments)) => bench::bench(&arguments).map(|()| ExitCode::SUCCESS),
        Some(Command::Completions(arguments)) => {
            help::completions(&arguments).map(|()| ExitCode::SUCCESS)
        }
        Some(Command::Man(arguments)) => help::man(&arguments).map(|()| ExitCode::SUCCESS),
        Some(Command::Report(arguments)) => report::report(&arguments),
    };
    match done {
        Ok(code) => code,
        Err(error) => {
            output::report_error("error", &error);
            ExitCode::from(if error.is_usage() { 2 } else { 1 })
        }
    }
}

/// Blocks SIGXFSZ, so that a write beyond the file-size limit is reported as an error instead of ending the program.
/// Threads that are started later inherit this.
fn hold_back_file_size_signal() {
    #[cfg(unix)]
    {
        use nix::sys::signal::{SigSet, Signal};
        let mut signals = SigSet::empty();
        signals.add(Signal::SIGXFSZ);
        // If this fails, such a write ends the program.
        let _ = signals.thread_block();
    }
}
