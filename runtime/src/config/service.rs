//! Who this process is (DESIGN D7): the name, version, environment and host that entry spans and OTLP resources carry.

use super::{Source, env};
use crate::error::InitError;

#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct ServiceSettings {
    pub(crate) name: String,
    pub(crate) version: Option<String>,
    pub(crate) environment: Option<String>,
    pub(crate) host: Option<String>,
}

impl ServiceSettings {
    pub(super) fn resolve(source: &Source<'_>) -> Result<Self, InitError> {
        let attributes = source.get(&env::OTEL_RESOURCE_ATTRIBUTES)?.unwrap_or_default();
        let attribute =
            |key: &str| attributes.iter().rev().find(|(known, _)| known == key).map(|(_, value)| value.clone());
        Ok(Self {
            name: source
                .get(&env::SERVICE_NAME)?
                .or(source.get(&env::OTEL_SERVICE_NAME)?)
                .or_else(|| attribute("service.name"))
                .or_else(executable)
                .unwrap_or_else(|| "unknown_service".to_owned()),
            version: source.get(&env::SERVICE_VERSION)?.or_else(|| attribute("service.version")),
            environment: source
                .get(&env::ENVIRONMENT)?
                .or_else(|| attribute("deployment.environment.name"))
                .or_else(|| attribute("deployment.environment")),
            host: attribute("host.name").or_else(host),
        })
    }
}

fn executable() -> Option<String> {
    let path = std::env::current_exe().ok()?;
    Some(path.file_stem()?.to_string_lossy().into_owned())
}

/// The standard library has no call for the host's name; the kernel's file is there on Linux, and shells elsewhere set a variable.
fn host() -> Option<String> {
    let text = std::fs::read_to_string("/proc/sys/kernel/hostname")
        .ok()
        .or_else(|| env::process_environment("HOSTNAME")?.ok())
        .or_else(|| env::process_environment("COMPUTERNAME")?.ok())?;
    let name = text.trim();
    (!name.is_empty() && name.len() <= 255 && !name.chars().any(char::is_control)).then(|| name.to_owned())
}
