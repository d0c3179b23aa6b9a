//! Running programs from the root of the repository, so that each lane reads like a list.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

/// What a lane returns: the sentence that explains a failure is all that its caller needs.
pub(crate) type Outcome = Result<(), String>;

/// The root of the repository.
pub(crate) fn root() -> PathBuf {
    let xtask = Path::new(env!("CARGO_MANIFEST_DIR"));
    xtask.parent().unwrap_or(xtask).to_path_buf()
}

/// The cargo that started this program.
pub(crate) fn cargo() -> Command {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo"));
    let mut command = Command::new(cargo);
    command.current_dir(root());
    command
}

/// Any other program, started in the root of the repository.
pub(crate) fn program(name: impl AsRef<Path>) -> Command {
    let mut command = Command::new(name.as_ref());
    command.current_dir(root());
    command
}

/// Shows the command, runs it without standard input, and fails when it fails.
pub(crate) fn execute(command: &mut Command) -> Outcome {
    let line = shown(command);
    eprintln!("\n$ {line}");
    let started = Instant::now();
    let status =
        command.stdin(Stdio::null()).status().map_err(|error| format!("`{line}` could not be started: {error}"))?;
    if status.success() {
        eprintln!("  ok after {:.1} s", started.elapsed().as_secs_f64());
        Ok(())
    } else {
        Err(format!("`{line}` ended with {status}"))
    }
}

fn shown(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    let words: Vec<String> = words
        .map(|word| {
            let path = Path::new(word);
            let path = if path.is_absolute() { path.strip_prefix(root()).unwrap_or(path) } else { path };
            let word = path.to_string_lossy();
            if word.contains(' ') { format!("'{word}'") } else { word.into_owned() }
        })
        .collect();
    words.join(" ")
}

/// What a command prints, without the line end.
pub(crate) fn capture(command: &mut Command) -> Result<String, String> {
    let line = shown(command);
    let output =
        command.stdin(Stdio::null()).output().map_err(|error| format!("`{line}` could not be started: {error}"))?;
    if output.status.success() {
        Ok(String::from_utf8_lossy(&output.stdout).trim_end().to_owned())
    } else {
        Err(format!("`{line}` ended with {}", output.status))
    }
}

/// Where cargo puts what it builds: `CARGO_TARGET_DIR`, else `target`.
pub(crate) fn target_dir() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), |folder| root().join(folder))
}
