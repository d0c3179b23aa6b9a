//! A child process continues the trace: the context travels in its environment.

use std::process::Command;

use galileo::middleware::CommandExt;
use galileo::{Context, Mode, init, log};

#[log(span_type = "tool")]
fn convert(file: &str) -> String {
    file.replace(".doc", ".pdf")
}

#[log]
fn start_converter() -> Result<bool, std::io::Error> {
    let program = std::env::current_exe()?;
    // This program again; a program in Python with its own SDK reads the same variables.
    Ok(Command::new(program).args(["child_process", "converter"]).trace_env().status()?.success())
}

pub(crate) fn main() -> Result<(), Box<dyn std::error::Error>> {
    let _galileo = init(Mode::from_env()?)?;
    if std::env::args().nth(2).as_deref() == Some("converter") {
        let _caller = Context::from_env().attach();
        println!("{}", convert("report.doc"));
    } else {
        println!("{}", start_converter()?);
    }
    Ok(())
}
