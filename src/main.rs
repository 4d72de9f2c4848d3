//! telemload: parse, run, exit code.

use std::process::ExitCode;

fn main() -> ExitCode {
    telemload::cli::main(std::env::args_os())
}
