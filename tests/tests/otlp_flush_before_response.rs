//! A response that ends only when its spans have been delivered.

use std::sync::{Arc, Condvar, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::http::StatusCode;
use axum::routing::get;
use futures::{Stream, stream};
use galileo::export::{ExportError, Exporter, Outcomes, SpanRecord};
use galileo::middleware::TracingLayer;
use galileo::{Config, Guard, Span};

/// How long a response waits for a backend that takes nothing.
const PATIENCE: Duration = Duration::from_millis(400);

/// A backend that takes spans only while its gate is open.
#[derive(Clone, Default)]
struct Gate(Arc<(Mutex<State>, Condvar)>);

#[derive(Default)]
struct State {
    closed: bool,
    delivered: usize,
}

impl Gate {
    fn set(&self, closed: bool) {
        self.0.0.lock().unwrap_or_else(PoisonError::into_inner).closed = closed;
        self.0.1.notify_all();
    }

    fn delivered(&self) -> usize {
        self.0.0.lock().unwrap_or_else(PoisonError::into_inner).delivered
    }
}

impl Exporter for Gate {
    fn export(&mut self, batch: &[SpanRecord<'_>], out: &mut Outcomes) -> Result<(), ExportError> {
        let state = self.0.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut state = self.0.1.wait_while(state, |state| state.closed).unwrap_or_else(PoisonError::into_inner);
        state.delivered += batch.len();
        out.deliver_all();
        Ok(())
    }
}

fn recording() -> &'static Gate {
    static STARTED: OnceLock<(Gate, Mutex<Guard>)> = OnceLock::new();
    let (gate, _) = STARTED.get_or_init(|| {
        let gate = Gate::default();
        let config = Config::builder().without_dotenv().flush_timeout(PATIENCE).exporter(gate.clone());
        (gate, Mutex::new(config.init().unwrap_or_else(|error| panic!("{error}"))))
    });
    gate
}

fn pieces() -> impl Stream<Item = Result<Bytes, std::convert::Infallible>> {
    stream::iter(["one", "two"].map(|piece| Ok(Bytes::from(piece))))
}

/// Three responses: of known length, of unknown length, and empty.
fn app(flush: bool) -> Router {
    let work = || Span::tool("work").in_scope(|| "done");
    Router::new()
        .route("/whole", get(move || async move { work() }))
        .route(
            "/streamed",
            get(move || async move {
                work();
                Body::from_stream(pieces())
            }),
        )
        .route(
            "/empty",
            get(move || async move {
                work();
                StatusCode::NO_CONTENT
            }),
        )
        .layer(TracingLayer::new().flush_before_response(flush))
}

/// The same from actix-web.
#[cfg(feature = "frameworks")]
fn serve_actix(flush: bool) -> String {
    use actix_web::{App, HttpResponse, HttpServer, web};
    use galileo::middleware::actix::TracingMiddleware;

    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("bound");
    let work = || Span::tool("work").in_scope(|| "done");
    let app = move || {
        App::new()
            .wrap(TracingMiddleware::new().flush_before_response(flush))
            .route("/whole", web::get().to(move || async move { work() }))
            .route(
                "/streamed",
                web::get().to(move || async move {
                    work();
                    HttpResponse::Ok().streaming(pieces())
                }),
            )
            .route(
                "/empty",
                web::get().to(move || async move {
                    work();
                    HttpResponse::NoContent().finish()
                }),
            )
    };
    std::thread::spawn(move || {
        let server = HttpServer::new(app).workers(1).disable_signals().listen(listener).expect("a listener");
        actix_web::rt::System::new().block_on(server.run())
    });
    format!("http://{address}")
}

async fn serve(router: Router) -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("bound");
    tokio::spawn(async move { axum::serve(listener, router).await });
    format!("http://{address}")
}

async fn fetch(url: &str) -> String {
    galileo_tests::http_client().get(url).send().await.expect("served").text().await.expect("read")
}

// One test, because the gate is the process's.
#[tokio::test]
async fn the_response_comes_after_its_spans_or_after_the_timeout() {
    let gate = recording();
    for (waiting, hasty) in [
        (serve(app(true)).await, serve(app(false)).await),
        #[cfg(feature = "frameworks")]
        (serve_actix(true), serve_actix(false)),
    ] {
        check(gate, &waiting, &hasty).await;
    }
}

/// A server that waits for delivery, and one that does not.
async fn check(gate: &Gate, waiting: &str, hasty: &str) {
    let all = gate.delivered();
    for (path, text) in [("whole", "done"), ("streamed", "onetwo"), ("empty", "")] {
        let before = gate.delivered();
        assert_eq!(fetch(&format!("{waiting}/{path}")).await, text);
        // The span of the work and the one of the request.
        assert_eq!(gate.delivered() - before, 2, "{path}");
    }

    gate.set(true);
    for path in ["whole", "streamed", "empty"] {
        let start = Instant::now();
        fetch(&format!("{waiting}/{path}")).await;
        assert!(start.elapsed() >= PATIENCE, "{path} came after {:?}", start.elapsed());
        // Nothing opens the gate before this has come back.
        fetch(&format!("{hasty}/{path}")).await;
    }
    gate.set(false);
    galileo::flush(Duration::from_secs(10));
    assert_eq!(gate.delivered() - all, 3 * 2 + 6 * 2);
}
