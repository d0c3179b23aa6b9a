//! `galileo-console serve`

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use tokio::net::TcpListener;

use super::CliError;
use crate::forward::{Target, TargetError, read_file};
use crate::model::Id;
use crate::{Config, serve};

/// Run the console.
#[derive(Debug, Args)]
pub(super) struct Serve {
    /// Address and port to listen on; port 0 takes a free one.
    #[arg(long, default_value = "127.0.0.1:8088", env = "GALILEO_CONSOLE_LISTEN")]
    listen: SocketAddr,
    /// The database file, or `:memory:`. Default: `galileo-console/traces.db` in the user's data folder.
    #[arg(long, env = "GALILEO_CONSOLE_DB")]
    db: Option<PathBuf>,
    /// Listen on an address that other machines can reach. Every request then needs a token.
    #[arg(long, env = "GALILEO_CONSOLE_ALLOW_REMOTE")]
    allow_remote: bool,
    /// The token that requests must present, at least 16 characters. Made up and printed when it is needed and not given.
    #[arg(long, env = "GALILEO_CONSOLE_TOKEN", hide_env_values = true)]
    token: Option<String>,
    /// A further name or address by which browsers and senders call this console (repeatable).
    #[arg(long = "allow-host", env = "GALILEO_CONSOLE_ALLOW_HOST", value_delimiter = ',')]
    hosts: Vec<String>,
    /// Forget traces that have not changed for this many days; 0 keeps them.
    #[arg(long, default_value_t = 7, env = "GALILEO_CONSOLE_KEEP_DAYS")]
    keep_days: u64,
    /// Forget the oldest traces when the database is larger than this many MiB; 0 is no limit.
    #[arg(long, default_value_t = 2048, env = "GALILEO_CONSOLE_KEEP_MIB")]
    keep_mib: u64,
    #[command(flatten)]
    forward: Forward,
}

/// Whereto every span is sent on, as OTLP.
#[derive(Debug, Args)]
struct Forward {
    /// Send every span on to this OTLP address as well (repeatable): a Collector, Jaeger, Tempo, an agent.
    #[arg(long = "forward", value_name = "URL", env = "GALILEO_CONSOLE_FORWARD", value_delimiter = ',')]
    urls: Vec<String>,
    /// A header for those requests (repeatable); `${VAR}` stands for an environment variable.
    #[arg(long = "forward-header", value_name = "K=V")]
    headers: Vec<String>,
    /// Forward over http to other machines.
    #[arg(long = "forward-insecure")]
    insecure: bool,
    /// A JSON file with targets that have headers of their own.
    #[arg(long = "forward-config", value_name = "FILE", env = "GALILEO_CONSOLE_FORWARD_CONFIG")]
    config: Option<PathBuf>,
}

impl Forward {
    fn targets(&self) -> Result<Vec<Target>, CliError> {
        let wrong = |error: TargetError| CliError(error.to_string());
        let mut targets = Vec::new();
        for url in &self.urls {
            let mut target = if self.insecure { Target::insecure(url) } else { Target::new(url) }.map_err(wrong)?;
            for header in &self.headers {
                let (name, value) = header
                    .split_once('=')
                    .ok_or_else(|| CliError("--forward-header needs the form NAME=VALUE".to_owned()))?;
                target = target.header(name, value).map_err(wrong)?;
            }
            targets.push(target);
        }
        if let Some(path) = &self.config {
            targets.extend(read_file(path).map_err(CliError)?);
        }
        Ok(targets)
    }
}

impl Serve {
    pub(super) async fn run(self) -> Result<(), CliError> {
        let forward = self.forward.targets()?;
        let remote = !is_loopback(self.listen.ip());
        if remote && !self.allow_remote {
            return Err(CliError(format!(
                "`{}` can be reached from other machines\nhint: use 127.0.0.1, or add --allow-remote, which makes a token necessary",
                self.listen
            )));
        }
        if self.token.as_ref().is_some_and(|token| token.len() < 16) {
            return Err(CliError("a token needs at least 16 characters".to_owned()));
        }
        let made_up = (remote && self.token.is_none()).then(|| Id::random().to_hex() + &Id::random().to_hex()[..8]);
        let database = match self.db {
            Some(path) if path.as_os_str() == ":memory:" => None,
            Some(path) => Some(path),
            None => Some(default_database()?),
        };
        let listener = TcpListener::bind(self.listen).await.map_err(|error| {
            CliError(format!(
                "cannot listen on `{}`: {error}\nhint: another port with --listen 127.0.0.1:0",
                self.listen
            ))
        })?;
        let address = listener.local_addr().map_err(|error| CliError(error.to_string()))?;
        let mut hosts = self.hosts;
        if remote && !address.ip().is_unspecified() {
            hosts.push(address.to_string());
        }
        announce(&format!("galileo-console listens on http://{address}"));
        match &database {
            Some(path) => announce(&format!("traces are kept in {}", path.display())),
            None => announce("traces are kept in memory"),
        }
        for target in &forward {
            announce(&format!("spans are forwarded to {target}"));
        }
        if let Some(token) = &made_up {
            announce(&format!("token: {token}"));
        }
        let config = Config {
            database,
            token: self.token.or(made_up),
            hosts,
            keep_for: (self.keep_days > 0).then(|| Duration::from_secs(self.keep_days * 86_400)),
            keep_bytes: (self.keep_mib > 0).then_some(self.keep_mib << 20),
            forward,
        };
        serve(listener, config, stop_signal()).await.map_err(|error| CliError(error.to_string()))
    }
}

/// Says something on standard error; nobody may be reading there any more.
fn announce(line: &str) {
    use std::io::Write as _;
    let _ = writeln!(std::io::stderr(), "{line}");
}

fn is_loopback(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => address.is_loopback(),
        IpAddr::V6(address) => {
            address.is_loopback() || address.to_ipv4_mapped().is_some_and(|address| address.is_loopback())
        }
    }
}

/// `galileo-console/traces.db` in the folder that the platform has for data of programs.
fn default_database() -> Result<PathBuf, CliError> {
    let folder = |name: &str| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let data = if cfg!(windows) {
        folder("LOCALAPPDATA")
    } else if cfg!(target_os = "macos") {
        folder("HOME").map(|home| home.join("Library/Application Support"))
    } else {
        folder("XDG_DATA_HOME").or_else(|| folder("HOME").map(|home| home.join(".local/share")))
    };
    data.map(|data| data.join("galileo-console").join("traces.db"))
        .ok_or_else(|| CliError("there is no folder for data\nhint: name the file with --db".to_owned()))
}

/// Resolves at Ctrl-C or when the system asks to stop.
async fn stop_signal() {
    let interrupt = async {
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    };
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        if let Ok(mut terminate) = signal(SignalKind::terminate()) {
            tokio::select! {
                () = interrupt => {}
                _ = terminate.recv() => {}
            }
            return;
        }
    }
    interrupt.await;
}
