//! All services, started in the order in which they need each other.

use std::error::Error;
use std::path::PathBuf;

use galileo_examples::child::{self, Reporting, Service};
use galileo_examples::console::Console;

/// The project that the services report to.
const PROJECT: &str = "microservices";

/// The running example.
pub(crate) struct Fleet {
    pub(crate) console: Console,
    /// Callers before those they call: the order in which they are stopped.
    services: Vec<Service>,
    gateway: String,
    llm: String,
}

impl Fleet {
    pub(crate) async fn start() -> Result<Fleet, Box<dyn Error>> {
        let console = Console::start("127.0.0.1:8088").await?;
        let mut services = Vec::new();
        let llm = add(&mut services, &console, "llm", &[]).await?;
        let rag = add(&mut services, &console, "rag", &["--llm", &llm]).await?;
        let search = add(&mut services, &console, "search", &[]).await?;
        // Writes slowly, so that what nobody waits for ends after the answer.
        let cache = add(&mut services, &console, "cache", &["--write-delay-ms", "80"]).await?;
        let arguments = ["--cache", &cache, "--search", &search, "--rag", &rag];
        let orchestrator = add(&mut services, &console, "orchestrator", &arguments).await?;
        let auth = add(&mut services, &console, "auth", &[]).await?;
        let arguments = ["--auth", &auth, "--orchestrator", &orchestrator];
        let gateway = add(&mut services, &console, "gateway", &arguments).await?;
        services.reverse();
        Ok(Fleet { console, services, gateway, llm })
    }

    pub(crate) fn gateway_url(&self) -> &str {
        &self.gateway
    }

    pub(crate) fn llm_url(&self) -> &str {
        &self.llm
    }

    /// Ends all services; fails when one did not end well.
    pub(crate) async fn stop(self) -> Result<(), Box<dyn Error>> {
        for service in self.services {
            service.stop().await?;
        }
        Ok(())
    }
}

async fn add(
    services: &mut Vec<Service>,
    console: &Console,
    name: &str,
    arguments: &[&str],
) -> Result<String, Box<dyn Error>> {
    let reporting = Reporting { console_url: &console.url, project: PROJECT, log_stream: PROJECT };
    let service = child::start(name, &program(name)?, arguments, reporting).await?;
    let url = service.url().to_owned();
    services.push(service);
    Ok(url)
}

/// The service's binary beside this one.
fn program(name: &str) -> Result<PathBuf, Box<dyn Error>> {
    let file = format!("ms_{name}{}", std::env::consts::EXE_SUFFIX);
    let program = std::env::current_exe()?.with_file_name(file);
    if program.exists() {
        Ok(program)
    } else {
        let hint = "build all of them: cargo build -p galileo-examples --features microservices --bins";
        Err(format!("`{}` does not exist\n{hint}", program.display()).into())
    }
}
