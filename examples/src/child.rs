//! Services as child processes: ready when they say so, gone when their parent is.

use std::error::Error;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

/// Longer than any flush that a service does at its end.
const END: Duration = Duration::from_secs(20);

/// A running service that was started with [`start`].
pub struct Service {
    name: String,
    url: String,
    child: Child,
}

/// Where a service sends its traces and how it calls itself there.
#[derive(Clone, Copy, Debug)]
pub struct Reporting<'a> {
    /// Address of the console.
    pub console_url: &'a str,
    /// Project.
    pub project: &'a str,
    /// Log stream of the project.
    pub log_stream: &'a str,
}

/// Starts `program arguments...` as the service `name` in distributed mode and waits until it prints its address.
///
/// # Errors
///
/// When it cannot be started, or ends before it listens.
pub async fn start(
    name: &str,
    program: &Path,
    arguments: &[&str],
    reporting: Reporting<'_>,
) -> Result<Service, Box<dyn Error>> {
    let mut command = Command::new(program);
    // With its standard input the child loses its reason to live, also when this process is killed.
    command.args(arguments).arg("--until-stdin-closes").stdin(Stdio::piped()).stdout(Stdio::piped()).kill_on_drop(true);
    // What the user has set for a real backend is not meant for this console.
    for (variable, _) in std::env::vars_os() {
        if variable.to_string_lossy().starts_with("GALILEO_") {
            command.env_remove(&variable);
        }
    }
    command
        .env("GALILEO_CONSOLE_URL", reporting.console_url)
        .env("GALILEO_API_URL", reporting.console_url)
        .env("GALILEO_PROJECT", reporting.project)
        .env("GALILEO_LOG_STREAM", reporting.log_stream)
        .env("GALILEO_LOGGING_DISABLED", "false")
        // The console and its database end with this process: nobody would ever take up what was kept for them.
        .env("GALILEO_SPOOL", "off")
        // On loopback the spans of the other services are there as soon as the answer is.
        .env("GALILEO_TRACE_LINGER", "300ms")
        .env("GALILEO_SERVICE_NAME", name);

    let cannot_start = |error| format!("the {name} service `{}` cannot be started: {error}", program.display());
    let mut child = command.spawn().map_err(cannot_start)?;
    let stdout = child.stdout.take().ok_or("the service has no standard output")?;
    let mut lines = BufReader::new(stdout).lines();
    while let Some(line) = lines.next_line().await? {
        if let Some((_, url)) = line.split_once(" listens on ") {
            return Ok(Service { name: name.to_owned(), url: url.to_owned(), child });
        }
    }
    Err(format!("the {name} service ended before it listened, with {}", child.wait().await?).into())
}

impl Service {
    /// Where it listens, as `http://host:port`.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Closes its standard input, on which it delivers what it holds and ends; kills it when that takes too long.
    ///
    /// # Errors
    ///
    /// When it did not end by itself and with success.
    pub async fn stop(mut self) -> Result<(), Box<dyn Error>> {
        drop(self.child.stdin.take());
        let Ok(ended) = tokio::time::timeout(END, self.child.wait()).await else {
            self.child.kill().await?;
            return Err(format!("the {} service did not end within {} s", self.name, END.as_secs()).into());
        };
        let status = ended?;
        if status.success() { Ok(()) } else { Err(format!("the {} service ended with {status}", self.name).into()) }
    }
}
