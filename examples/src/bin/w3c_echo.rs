//! Calls whatever it is told to call, and passes the trace on: the service that the W3C's own validation suite talks to.
//!
//! `cargo run -p galileo-examples --bin w3c_echo -- --listen 127.0.0.1:5000 --framework axum`, then run `test.py` of the repository
//! `w3c/trace-context` on `http://127.0.0.1:5000/test`. A request is a JSON array of `{"url": ..., "arguments": [...]}`; each url
//! gets a POST of its arguments.

use std::error::Error;
use std::io::Write;

use clap::{Parser, ValueEnum};
use galileo::middleware::{SendExt, TracingLayer};
use galileo::{Config, Mode};
use galileo_examples::service;
use serde::Deserialize;
use serde_json::Value;

#[derive(Parser)]
struct Options {
    /// The web framework that serves
    #[arg(long, value_enum, default_value_t = Framework::Axum)]
    framework: Framework,
    /// Where spans go; headers need spans, and spans need somewhere to go
    #[arg(long, env = "GALILEO_EXPORTERS", default_value = "stdout")]
    exporters: String,
    #[command(flatten)]
    service: service::Options,
}

#[derive(Clone, Copy, ValueEnum)]
enum Framework {
    Axum,
    ActixWeb,
}

/// One call that the suite asks for.
#[derive(Deserialize)]
struct Call {
    url: String,
    #[serde(default)]
    arguments: Vec<Value>,
}

fn main() -> Result<(), Box<dyn Error>> {
    let options = Options::parse();
    let _galileo = Config::builder().mode(Mode::Distributed).exporters(&options.exporters).init()?;
    let client = galileo_examples::http_client()?;
    match options.framework {
        Framework::Axum => axum_service(client, &options.service),
        Framework::ActixWeb => actix_service(client, &options.service),
    }
}

/// Makes all calls, each in a span of its own, and says what went wrong first.
async fn make(client: &reqwest::Client, calls: Vec<Call>) -> Result<Value, String> {
    let mut statuses = Vec::with_capacity(calls.len());
    for call in calls {
        let request = client.post(&call.url).json(&call.arguments);
        let response = request.send_traced().await.map_err(|error| service::with_causes(&error))?;
        statuses.push(response.status().as_u16());
    }
    Ok(statuses.into())
}

#[tokio::main]
async fn axum_service(client: reqwest::Client, options: &service::Options) -> Result<(), Box<dyn Error>> {
    use axum::routing::post;
    use axum::{Json, Router, http::StatusCode};

    let test = async move |Json(calls): Json<Vec<Call>>| match make(&client, calls).await {
        Ok(statuses) => Ok(Json(statuses)),
        Err(error) => Err((StatusCode::BAD_GATEWAY, error)),
    };
    let router = Router::new().route("/test", post(test)).layer(TracingLayer::new());
    service::serve("w3c_echo", router, options).await
}

fn actix_service(client: reqwest::Client, options: &service::Options) -> Result<(), Box<dyn Error>> {
    use actix_web::{App, HttpResponse, HttpServer, web};
    use galileo::middleware::actix::TracingMiddleware;

    async fn test(client: web::Data<reqwest::Client>, calls: web::Json<Vec<Call>>) -> HttpResponse {
        match make(&client, calls.into_inner()).await {
            Ok(statuses) => HttpResponse::Ok().json(statuses),
            Err(error) => HttpResponse::BadGateway().body(error),
        }
    }

    let client = web::Data::new(client);
    let server = HttpServer::new(move || {
        App::new().app_data(client.clone()).wrap(TracingMiddleware::new()).route("/test", web::post().to(test))
    });
    let server = server.workers(2).bind(options.listen)?;
    let mut stdout = std::io::stdout();
    for address in server.addrs() {
        writeln!(stdout, "w3c_echo listens on http://{address}")?;
    }
    stdout.flush()?;
    let until_stdin_closes = options.until_stdin_closes;
    actix_web::rt::System::new().block_on(async move {
        let running = server.run();
        let handle = running.handle();
        if until_stdin_closes {
            std::thread::spawn(move || {
                let _ = std::io::copy(&mut std::io::stdin(), &mut std::io::sink());
                // The command is on its way once the future is made; nobody here waits for the answer.
                drop(handle.stop(true));
            });
        }
        running.await
    })?;
    Ok(())
}
