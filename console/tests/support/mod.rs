//! A console of its own for a test, on a free port of loopback, and a client that speaks to it.
#![allow(dead_code)] // Each test binary uses its own part.
#![allow(clippy::unwrap_used)]

use std::sync::Once;

use galileo_console::{Config, serve};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

pub(crate) const PROJECT: &str = "11111111-1111-4111-8111-111111111111";
pub(crate) const TRACE: &str = "33333333-3333-4333-8333-333333333333";
pub(crate) const SPAN: &str = "44444444-4444-4444-8444-444444444401";

pub(crate) struct Console {
    pub(crate) port: u16,
    pub(crate) client: reqwest::Client,
    stop: Option<oneshot::Sender<()>>,
    task: JoinHandle<()>,
}

impl Console {
    pub(crate) async fn start() -> Console {
        Console::with(Config::default()).await
    }

    pub(crate) async fn with(config: Config) -> Console {
        Console::on(TcpListener::bind("127.0.0.1:0").await.unwrap(), config).await
    }

    /// On a listener whose port somebody knows already.
    pub(crate) async fn on(listener: TcpListener, config: Config) -> Console {
        static CRYPTOGRAPHY: Once = Once::new();
        // Fails only when one is installed already, which is as good.
        CRYPTOGRAPHY.call_once(|| drop(rustls::crypto::ring::default_provider().install_default()));
        let port = listener.local_addr().unwrap().port();
        let (stop, stopped) = oneshot::channel();
        let task = tokio::spawn(async move {
            serve(listener, config, async {
                let _ = stopped.await;
            })
            .await
            .unwrap();
        });
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        Console { port, client, stop: Some(stop), task }
    }

    /// Ends it as Ctrl-C does.
    pub(crate) async fn stop(mut self) {
        drop(self.client);
        let _ = self.stop.take().unwrap().send(());
        self.task.await.unwrap();
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }

    pub(crate) async fn send(&self, method: Method, path: &str, body: &Value) -> (StatusCode, Value) {
        let request = self.client.request(method.clone(), self.url(path));
        let response = if method == Method::GET { request } else { request.json(body) }.send().await.unwrap();
        let status = response.status();
        (status, serde_json::from_str(&response.text().await.unwrap()).unwrap_or(Value::Null))
    }

    /// The answer to a request that must be accepted.
    pub(crate) async fn ok(&self, method: Method, path: &str, body: Value) -> Value {
        let (status, answer) = self.send(method.clone(), path, &body).await;
        assert_eq!(status, StatusCode::OK, "{method} {path}: {answer}");
        answer
    }

    pub(crate) async fn get(&self, path: &str) -> Value {
        self.ok(Method::GET, path, Value::Null).await
    }

    pub(crate) async fn post(&self, path: &str, body: Value) -> Value {
        self.ok(Method::POST, path, body).await
    }

    pub(crate) async fn patch(&self, path: &str, body: Value) -> Value {
        self.ok(Method::PATCH, path, body).await
    }

    /// A trace of the given id, and its spans.
    pub(crate) async fn post_trace(&self, trace: Value) -> Value {
        self.post(&format!("/v2/projects/{PROJECT}/traces"), json!({"traces": [trace]})).await
    }
}
