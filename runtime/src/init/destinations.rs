//! From settings to destinations: which exporters run, and what each build contains.

use std::sync::Arc;

use crate::config::{ExporterKind, Mode, ServiceSettings, Settings};
use crate::error::InitError;
use crate::export::{Exporter, Pretty};
use crate::pipeline::destination::Destination;
use crate::pipeline::whole::WholeSpans;

/// Every destination that the settings name, and the program's own.
pub(super) fn all(
    settings: &Settings,
    exporters: Vec<Box<dyn Exporter>>,
    service: &Arc<ServiceSettings>,
) -> Result<Vec<Box<dyn Destination>>, InitError> {
    let distributed = settings.mode == Mode::Distributed;
    let mut all: Vec<Box<dyn Destination>> = Vec::new();
    for kind in &settings.exporters {
        all.push(built_in(*kind, settings, service, distributed)?);
    }
    for exporter in exporters {
        all.push(Box::new(WholeSpans::new(exporter, service.clone(), distributed)));
    }
    Ok(all)
}

fn built_in(
    kind: ExporterKind,
    settings: &Settings,
    service: &Arc<ServiceSettings>,
    distributed: bool,
) -> Result<Box<dyn Destination>, InitError> {
    match kind {
        ExporterKind::Galileo => galileo(settings, service),
        ExporterKind::Stdout => {
            let exporter = Pretty::default();
            Ok(Box::new(WholeSpans::new(Box::new(exporter), service.clone(), distributed)))
        }
        ExporterKind::Otlp => otlp(settings, service),
        ExporterKind::LangSmith => langsmith(settings, service),
    }
}

#[cfg(feature = "galileo")]
fn galileo(settings: &Settings, service: &Arc<ServiceSettings>) -> Result<Box<dyn Destination>, InitError> {
    use crate::export::galileo::GalileoDestination;
    use crate::export::transport::Transport;
    use crate::pipeline::spool::Spool;
    let galileo = settings.galileo.clone().ok_or_else(|| missing("galileo"))?;
    let transport = Transport::new(&galileo.api)?;
    let spool = Spool::new(&settings.spool, "galileo", &galileo.identity(settings.mode));
    let spool = spool.map(|spool| spool.within(settings.limits.queue));
    Ok(Box::new(GalileoDestination::new(
        galileo,
        transport,
        settings.mode,
        settings.trace_linger,
        settings.limits,
        service.clone(),
        spool,
    )))
}

#[cfg(not(feature = "galileo"))]
fn galileo(_: &Settings, _: &Arc<ServiceSettings>) -> Result<Box<dyn Destination>, InitError> {
    Err(missing("galileo"))
}

#[cfg(feature = "otlp")]
fn otlp(settings: &Settings, service: &Arc<ServiceSettings>) -> Result<Box<dyn Destination>, InitError> {
    use crate::export::batch::BatchLimits;
    let otlp = settings.otlp.as_ref().ok_or_else(|| missing("otlp"))?;
    let limits = BatchLimits { body: settings.limits.body, age: settings.spool.max_age };
    Ok(Box::new(crate::export::otlp::destination(otlp, service, limits)?))
}

#[cfg(not(feature = "otlp"))]
fn otlp(_: &Settings, _: &Arc<ServiceSettings>) -> Result<Box<dyn Destination>, InitError> {
    Err(missing("otlp"))
}

#[cfg(feature = "langsmith")]
fn langsmith(settings: &Settings, service: &Arc<ServiceSettings>) -> Result<Box<dyn Destination>, InitError> {
    use crate::export::batch::BatchLimits;
    let langsmith = settings.langsmith.as_ref().ok_or_else(|| missing("langsmith"))?;
    let limits = BatchLimits { body: settings.limits.body, age: settings.spool.max_age };
    Ok(Box::new(crate::export::langsmith::destination(langsmith, service, limits)?))
}

#[cfg(not(feature = "langsmith"))]
fn langsmith(_: &Settings, _: &Arc<ServiceSettings>) -> Result<Box<dyn Destination>, InitError> {
    Err(missing("langsmith"))
}

fn missing(exporter: &'static str) -> InitError {
    InitError::MissingFeature { wanted: format!("the exporter `{exporter}`"), feature: exporter }
}
