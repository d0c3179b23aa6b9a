//! The package `runtime/benches`: built with the settings of its own workspace, its programs run and their lines read.

use std::path::PathBuf;

use crate::run::{Outcome, capture, cargo, execute, program, root};

/// The package's programs, built.
pub(crate) struct Programs(PathBuf);

impl Programs {
    pub(crate) fn build() -> Result<Self, String> {
        let manifest = root().join("runtime/benches/Cargo.toml");
        let mut command = cargo();
        command.args(["build", "--quiet", "--release", "--locked", "--bins", "--manifest-path"]).arg(manifest);
        // Not the folder of this workspace: another lock file, other features.
        command.env("CARGO_TARGET_DIR", root().join("target/benches")).env("CARGO_INCREMENTAL", "0");
        execute(&mut command)?;
        Ok(Self(root().join("target/benches/release")))
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// The lines that the main program prints, each as words.
    pub(crate) fn lines(&self, arguments: &[&str]) -> Result<Vec<Vec<String>>, String> {
        words(&capture(program(self.path("galileo-benches")).args(arguments))?)
    }

    /// As [`lines`](Self::lines), of the program that counts allocations.
    pub(crate) fn allocations(&self, contestant: &str) -> Result<Vec<Vec<String>>, String> {
        words(&capture(program(self.path("allocations")).arg(contestant))?)
    }
}

fn words(text: &str) -> Result<Vec<Vec<String>>, String> {
    Ok(text.lines().map(|line| line.split_whitespace().map(str::to_owned).collect()).collect())
}

pub(crate) fn number(word: Option<&String>) -> Result<f64, String> {
    word.and_then(|word| word.parse().ok()).ok_or_else(|| format!("expected a number, found {word:?}"))
}

/// The middle one.
pub(crate) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

/// What figures hold for: the commit, the day, the machine and how busy it is.
pub(crate) fn conditions() -> Result<String, String> {
    let commit = capture(program("git").args(["rev-parse", "--short", "HEAD"]))?;
    let changed =
        if capture(program("git").args(["status", "--porcelain"]))?.is_empty() { "" } else { ", with changes" };
    let day = capture(program("date").args(["-u", "+%Y-%m-%d"]))?;
    let rustc = capture(program("rustc").arg("--version"))?;
    let cpus = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model =
        cpus.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": ")).map_or("?", |pair| pair.1);
    let count = cpus.lines().filter(|line| line.starts_with("processor")).count();
    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let load = load.split(' ').next().unwrap_or("?");
    Ok(format!("commit {commit}{changed}, {day}, {rustc}, {count} x {model}, load {load}"))
}

impl Drop for Sink {
    fn drop(&mut self) {
        // It has nothing to lose.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The backend that counts, running.
pub(crate) struct Sink {
    child: std::process::Child,
    pub(crate) url: String,
}

impl Sink {
    pub(crate) fn start(programs: &Programs) -> Result<Self, String> {
        use std::io::BufRead;
        let mut command = program(programs.path("galileo-benches"));
        let mut child = command
            .arg("sink")
            .stdout(std::process::Stdio::piped())
            .spawn()
            .map_err(|error| format!("the sink could not be started: {error}"))?;
        let mut url = String::new();
        if let Some(output) = child.stdout.take() {
            std::io::BufReader::new(output).read_line(&mut url).map_err(|error| error.to_string())?;
        }
        let sink = Self { child, url: url.trim_end().to_owned() };
        if sink.url.is_empty() { Err("the sink has no address".to_owned()) } else { Ok(sink) }
    }
}

/// An outcome of a lane: what was out of reach, by name.
pub(crate) fn outcome(missed: &[String]) -> Outcome {
    if missed.is_empty() { Ok(()) } else { Err(format!("not met: {}", missed.join(", "))) }
}
