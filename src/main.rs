//! The `neurogain` program.

fn main() -> std::process::ExitCode {
    neurogain::cli::main(&[])
}
