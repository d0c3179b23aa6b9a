//! From settings to destinations: which exporters run, and what each build contains.

use std::sync::Arc;

use crate::config::{ExporterKind, Mode, ServiceSettings, Settings};
use crate::error::InitError;
use crate::export::{Exporter, Pretty};
use crate::pipeline::destination::Destination;
use crate::pipeline::spool::{self, Spool};
use crate::pipeline::whole::WholeSpans;

/// Where spans go, and the names of the folders in which each may keep spans on disk.
pub(super) struct Destinations {
    pub(super) all: Vec<Box<dyn Destination>>,
    pub(super) folders: Vec<String>,
}

/// Every destination that the settings name, and the program's own.
pub(super) fn all(
    settings: &Settings,
    exporters: Vec<Box<dyn Exporter>>,
    service: &Arc<ServiceSettings>,
) -> Result<Destinations, InitError> {
    let mut made = Destinations { all: Vec::new(), folders: Vec::new() };
    for kind in &settings.exporters {
        match kind {
            ExporterKind::Galileo => made.galileo(settings, service)?,
            ExporterKind::Stdout => made.exporter(Box::new(Pretty::default()), settings, service),
            ExporterKind::Otlp => made.otlp(settings, service)?,
            ExporterKind::LangSmith => made.langsmith(settings, service)?,
        }
    }
    for exporter in exporters {
        made.exporter(exporter, settings, service);
    }
    Ok(made)
}

impl Destinations {
    /// The spool of a destination; `destination` tells it from others of the same kind.
    fn spool(&mut self, settings: &Settings, exporter: &str, destination: &str) -> Option<Spool> {
        let name = spool::name(exporter, destination);
        let made = Spool::in_folder(&settings.spool, &name).map(|spool| spool.within(settings.limits.queue));
        self.folders.push(name);
        made
    }

    fn exporter(&mut self, exporter: Box<dyn Exporter>, settings: &Settings, service: &Arc<ServiceSettings>) {
        // Two of one name are told apart by their order; what they send to is known to nobody but them.
        let identity = format!("{} {}", service.name, self.all.len());
        let spool = self.spool(settings, exporter.name(), &identity);
        let distributed = settings.mode == Mode::Distributed;
        self.all.push(Box::new(WholeSpans::new(exporter, service.clone(), distributed, spool)));
    }

    #[cfg(feature = "galileo")]
    fn galileo(&mut self, settings: &Settings, service: &Arc<ServiceSettings>) -> Result<(), InitError> {
        use crate::export::galileo::GalileoDestination;
        use crate::export::transport::Transport;
        let galileo = settings.galileo.clone().ok_or_else(|| missing("galileo"))?;
        let transport = Transport::new(&galileo.api)?;
        let spool = self.spool(settings, "galileo", &galileo.identity(settings.mode));
        self.all.push(Box::new(GalileoDestination::new(
            galileo,
            transport,
            settings.mode,
            settings.trace_linger,
            settings.limits,
            service.clone(),
            spool,
        )));
        Ok(())
    }

    #[cfg(not(feature = "galileo"))]
    fn galileo(&mut self, _: &Settings, _: &Arc<ServiceSettings>) -> Result<(), InitError> {
        Err(missing("galileo"))
    }

    #[cfg(feature = "otlp")]
    fn otlp(&mut self, settings: &Settings, service: &Arc<ServiceSettings>) -> Result<(), InitError> {
        use crate::export::batch::BatchLimits;
        let otlp = settings.otlp.as_ref().ok_or_else(|| missing("otlp"))?;
        let limits = BatchLimits { body: settings.limits.body, age: settings.spool.max_age };
        // The resource of a request names the service, so another service's spans are none of ours.
        let spool = self.spool(settings, "otlp", &format!("{} {}", otlp.url, service.name));
        self.all.push(Box::new(crate::export::otlp::destination(otlp, service, limits, spool)?));
        Ok(())
    }

    #[cfg(not(feature = "otlp"))]
    fn otlp(&mut self, _: &Settings, _: &Arc<ServiceSettings>) -> Result<(), InitError> {
        Err(missing("otlp"))
    }

    #[cfg(feature = "langsmith")]
    fn langsmith(&mut self, settings: &Settings, service: &Arc<ServiceSettings>) -> Result<(), InitError> {
        use crate::export::batch::BatchLimits;
        let langsmith = settings.langsmith.as_ref().ok_or_else(|| missing("langsmith"))?;
        let limits = BatchLimits { body: settings.limits.body, age: settings.spool.max_age };
        let identity = format!("{} {} {}", langsmith.url, langsmith.project, service.name);
        let spool = self.spool(settings, "langsmith", &identity);
        self.all.push(Box::new(crate::export::langsmith::destination(langsmith, service, limits, spool)?));
        Ok(())
    }

    #[cfg(not(feature = "langsmith"))]
    fn langsmith(&mut self, _: &Settings, _: &Arc<ServiceSettings>) -> Result<(), InitError> {
        Err(missing("langsmith"))
    }
}

fn missing(exporter: &'static str) -> InitError {
    InitError::MissingFeature { wanted: format!("the exporter `{exporter}`"), feature: exporter }
}
