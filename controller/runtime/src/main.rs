//! Starts `lambda-triggers`.

use std::process::ExitCode;

fn main() -> ExitCode {
    lambda_triggers::cli::main()
}
