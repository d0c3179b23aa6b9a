//! What every example service does the same way: say where it listens, serve, and end when it is told to.

use std::error::Error;
use std::io::Write;
use std::net::SocketAddr;

use axum::Router;
use tokio::net::TcpListener;
use tokio::sync::oneshot;

/// Where a service listens and when it ends.
#[derive(Clone, Debug, clap::Args)]
#[group(skip)]
pub struct Options {
    /// Address to listen on; port 0 takes a free one
    #[arg(long, default_value = "127.0.0.1:0")]
    pub listen: SocketAddr,
    /// End when standard input is closed, which is how a parent process takes its services along
    #[arg(long, hide = true)]
    pub until_stdin_closes: bool,
}

/// Prints `NAME listens on http://ADDRESS` on standard output and serves until Ctrl-C or the end of standard input.
///
/// # Errors
///
/// When the address cannot be had.
pub async fn serve(name: &str, router: Router, options: &Options) -> Result<(), Box<dyn Error>> {
    let listener = TcpListener::bind(options.listen).await?;
    let mut stdout = std::io::stdout();
    writeln!(stdout, "{name} listens on http://{}", listener.local_addr()?)?;
    stdout.flush()?;
    axum::serve(listener, router).with_graceful_shutdown(told_to_end(options.until_stdin_closes)).await?;
    Ok(())
}

async fn told_to_end(until_stdin_closes: bool) {
    let (closed, stdin_closes) = oneshot::channel();
    if until_stdin_closes {
        // A plain thread: a read that tokio started would keep the process alive after Ctrl-C.
        std::thread::spawn(move || {
            let _ = std::io::copy(&mut std::io::stdin(), &mut std::io::sink());
            let _ = closed.send(());
        });
        tokio::select! {
            _ = stdin_closes => {}
            _ = tokio::signal::ctrl_c() => {}
        }
    } else {
        let _ = tokio::signal::ctrl_c().await;
    }
}

/// An error and everything that caused it on one line.
pub fn with_causes(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}
