//! The command line: arguments, progress and exit codes around the library.
//!
//! | exit code | means |
//! | --- | --- |
//! | 0 | done |
//! | 1 | it could not be done: a file, memory, training that diverged |
//! | 2 | the request itself was wrong |
//! | 130 | stopped with Ctrl-C; what was done is on disk |

mod arguments;
mod bench;
mod data;
mod device;
mod figure;
mod filling;
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
use neurogain::systems::stability_gap::{self, Registration};

/// Does what the program's arguments say; settings may name `learners` besides those that ship inside. A program
/// of your own with learners of your own is a `main` that calls this.
pub fn main(learners: &[Registration]) -> ExitCode {
    hold_back_file_size_signal();
    if let Err(error) = stability_gap::register(learners) {
        output::complain("error", &error);
        return ExitCode::from(2);
    }
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        // Help and version come this way too. `print` fails only where nobody reads.
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
        Some(Command::Report(arguments)) => report::report(&arguments).map(|()| ExitCode::SUCCESS),
    };
    match done {
        Ok(code) => code,
        Err(error) => {
            output::complain("error", &error);
            ExitCode::from(if error.is_usage() { 2 } else { 1 })
        }
    }
}

/// A write beyond the limit on a file's size is then an error that says so, instead of an end without a word.
/// Threads that are started later have it held back too.
fn hold_back_file_size_signal() {
    #[cfg(unix)]
    {
        use nix::sys::signal::{SigSet, Signal};
        let mut signals = SigSet::empty();
        signals.add(Signal::SIGXFSZ);
        // Where that fails the program ends as any other does.
        let _ = signals.thread_block();
    }
}
