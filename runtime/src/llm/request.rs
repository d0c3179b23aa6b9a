//! Requests of `reqwest`.

use super::LlmOptions;
use super::call::Call;
use super::tee::{Shared, Side, Tee, lock};
use crate::context::{Context, InContext};
use reqwest::{Body, Request, RequestBuilder, Response, ResponseBuilderExt};
use std::fmt::Display;
use std::future::Future;
use std::sync::{Arc, Mutex};

/// Sends a request, recorded as a call of a model when it is one; see the [module](super).
///
/// ```no_run
/// # async fn ask() -> Result<(), reqwest::Error> {
/// let request = reqwest::Client::new()
///     .post("http://localhost:11434/v1/chat/completions")
///     .body(r#"{"model": "llama3", "messages": [{"role": "user", "content": "Why is the sky blue?"}]}"#);
/// let answer = galileo::llm::send(request).await?.text().await?;
/// # let _ = answer;
/// # Ok(())
/// # }
/// ```
///
/// # Errors
///
/// Those of [`RequestBuilder::send`].
pub async fn send(request: RequestBuilder) -> Result<Response, reqwest::Error> {
    let (client, request) = request.build_split();
    execute(request?, LlmOptions::default(), |request| client.execute(request)).await
}

/// Watches one request that `next` sends.
pub(super) async fn execute<F, E>(
    mut request: Request,
    options: LlmOptions,
    next: impl FnOnce(Request) -> F,
) -> Result<Response, E>
where
    F: Future<Output = Result<Response, E>>,
    E: Display,
{
    let Some(call) = begin(&mut request, options) else { return next(request).await };
    let context = lock(&call).context().cloned();
    let answer = match context {
        Some(context) => {
            let sending = {
                let _inside = Context::attach(&context);
                next(request)
            };
            sending.in_context(context).await
        }
        None => next(request).await,
    };
    match answer {
        Ok(response) => Ok(watched(response, call)),
        Err(error) => {
            lock(&call).fail(&error);
            Err(error)
        }
    }
}

fn begin(request: &mut Request, options: LlmOptions) -> Option<Shared> {
    let uri = request.url().as_str().parse().ok()?;
    let call = Arc::new(Mutex::new(Call::begin(request.method(), &uri, options)?));
    if let Some(body) = request.body_mut() {
        if let Some(bytes) = body.as_bytes() {
            // Bytes at hand stay what they are, so that the client may send them again after a redirect.
            lock(&call).sent(bytes);
        } else {
            let streamed = std::mem::take(body);
            *body = Body::wrap(Tee::new(streamed, Some(call.clone()), Side::Request));
        }
    }
    Some(call)
}

/// The same response, its body watched.
fn watched(response: Response, call: Shared) -> Response {
    lock(&call).answers(response.status(), response.headers());
    let url = response.url().clone();
    let (mut head, body) = http::Response::<Body>::from(response).into_parts();
    // The address is kept beside the response and has to be handed over by the builder's way.
    if let Ok(shell) = http::Response::builder().url(url).body(()) {
        head.extensions.extend(shell.into_parts().0.extensions);
    }
    Response::from(http::Response::from_parts(head, Body::wrap(Tee::new(body, Some(call), Side::Answer))))
}

#[cfg(feature = "tower")]
impl<S> tower_service::Service<Request> for super::LlmService<S>
where
    S: tower_service::Service<Request, Response = Response> + Clone + Send + 'static,
    S::Future: Send,
    S::Error: Display,
{
    type Response = Response;
    type Error = S::Error;
    type Future = std::pin::Pin<Box<dyn Future<Output = Result<Response, S::Error>> + Send>>;

    fn poll_ready(&mut self, cx: &mut std::task::Context<'_>) -> std::task::Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request) -> Self::Future {
        // The service that was asked whether it is ready is the one that has to be called.
        let ready = self.inner.clone();
        let mut inner = std::mem::replace(&mut self.inner, ready);
        Box::pin(execute(request, self.options, move |request| inner.call(request)))
    }
}
