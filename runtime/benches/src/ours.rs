//! The work under this SDK.

use crate::contestant::Contestant;
use crate::work::{answer, pause};
use galileo::Mode;

// Functions annotated with `#[log]`; who starts the SDK decides about the mode.
#[galileo::log(name = "root", skip_all, skip_output)]
fn under_root(work: &mut dyn FnMut()) {
    work();
}

#[galileo::log]
fn empty() {
    std::hint::black_box(());
}

#[galileo::log]
fn json(question: &str, limit: u32) -> String {
    answer(question, limit)
}

#[galileo::log]
async fn empty_async() {
    pause().await;
}

#[galileo::log]
async fn json_async(question: &str, limit: u32) -> String {
    pause().await;
    answer(question, limit)
}

#[galileo::log]
fn tree(question: &str, depth: u32) -> String {
    if depth > 0 {
        (0..10).for_each(|_| drop(tree(question, depth - 1)));
    }
    answer(question, depth)
}

macro_rules! contestant {
    ($(#[$doc:meta])* $name:ident, $records:expr, $start:expr) => {
        $(#[$doc])*
        pub struct $name(started::Started);

        impl Contestant for $name {
            const RECORDS: bool = $records;

            fn start() -> Self {
                Self($start)
            }

            fn under_root(work: &mut dyn FnMut()) {
                under_root(work);
            }

            fn root() {
                empty();
            }

            fn empty() {
                empty();
            }

            fn json(question: &str, limit: u32) -> String {
                json(question, limit)
            }

            fn empty_async() -> impl Future<Output = ()> {
                empty_async()
            }

            fn json_async(question: &str, limit: u32) -> impl Future<Output = String> {
                json_async(question, limit)
            }

            fn tree(question: &str, depth: u32) -> String {
                tree(question, depth)
            }

            fn flush(&self) {
                self.0.flush();
            }

            fn seen(&self) -> u64 {
                self.0.seen()
            }
        }
    };
}

contestant! {
    /// Batch mode: a trace is sent when it is complete.
    Batch, true, started::Started::new(Mode::Batch, 1.0)
}
contestant! {
    /// Distributed mode: a start is visible while its span is open.
    Distributed, true, started::Started::new(Mode::Distributed, 1.0)
}
contestant! {
    /// Distributed mode in which no trace is sampled.
    Unsampled, false, started::Started::new(Mode::Distributed, 0.0)
}
contestant! {
    /// Nobody called `init`.
    Off, false, started::Started::off()
}

pub use started::Started;

mod started {
    //! The SDK with a destination that counts and discards.

    use galileo::export::{ExportError, Exporter, Outcomes, SpanRecord};
    use galileo::{Config, Guard, Mode, Report};
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU64, Ordering};
    use std::time::Duration;

    /// The SDK, running.
    pub struct Started {
        guard: Option<Guard>,
        seen: Arc<AtomicU64>,
    }

    struct Counting(Arc<AtomicU64>);

    impl Exporter for Counting {
        fn export(&mut self, batch: &[SpanRecord<'_>], out: &mut Outcomes) -> Result<(), ExportError> {
            let ended = std::hint::black_box(batch).iter().filter(|record| record.is_ended()).count();
            self.0.fetch_add(ended as u64, Ordering::Relaxed);
            out.deliver_all();
            Ok(())
        }
    }

    impl Started {
        pub(super) fn new(mode: Mode, rate: f64) -> Self {
            let seen = Arc::<AtomicU64>::default();
            let config = Config::builder().mode(mode).exporters("none").exporter(Counting(seen.clone()));
            let guard = config.sample_rate(rate).without_dotenv().init().expect("nothing else is running");
            Self { guard: Some(guard), seen }
        }

        /// With one of its own exporters, towards the sink. The disk is not what is measured.
        pub(crate) fn sending(exporter: &str, url: &str, mode: Mode) -> Self {
            let config = Config::builder().mode(mode).exporters(exporter).without_dotenv();
            let config =
                config.service_name("bench").project("bench").log_stream("bench").variable("GALILEO_SPOOL", "off");
            let config = config.api_url(url).variable("OTEL_EXPORTER_OTLP_ENDPOINT", url);
            Self { guard: Some(config.init().expect("nothing else is running")), seen: Arc::default() }
        }

        /// Delivers what is left and says what became of each span.
        pub(crate) fn end(self) -> Option<Report> {
            self.guard.map(|guard| guard.shutdown(Duration::from_secs(60)))
        }

        pub(super) fn off() -> Self {
            Self { guard: None, seen: Arc::default() }
        }

        pub(crate) fn flush(&self) {
            if let Some(guard) = &self.guard {
                guard.flush(Duration::from_secs(10));
            }
        }

        pub(super) fn seen(&self) -> u64 {
            self.seen.load(Ordering::Relaxed)
        }
    }
}
