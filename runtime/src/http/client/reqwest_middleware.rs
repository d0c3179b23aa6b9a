//! The middleware for every request of a `reqwest-middleware` client.

use super::reqwest::{begin, describe};
use super::{Attempts, ClientOptions};
use http::Extensions;
use reqwest::{Request, Response};
use reqwest_middleware::{Error, Middleware, Next};

/// Continues the running trace in every request of a client: opens a span for each and adds its headers.
///
/// The span records method, host, status and errors and ends with the response's head. Outside of any trace requests go out as
/// they are. Attached after a middleware that tries again, each attempt is a span of its own, siblings with their number; the
/// number needs [`CountAttempts`] attached before it:
///
/// ```no_run
/// use galileo::middleware::{CountAttempts, ReqwestTracing};
///
/// let client = reqwest_middleware::ClientBuilder::new(reqwest::Client::new())
///     .with(CountAttempts)
///     // .with(RetryTransientMiddleware::new_with_policy(..))
///     .with(ReqwestTracing::new())
///     .build();
/// ```
#[derive(Debug, Clone)]
pub struct ReqwestTracing {
    options: ClientOptions,
}

client_options!(ReqwestTracing);

#[async_trait::async_trait]
impl Middleware for ReqwestTracing {
    async fn handle(
        &self,
        mut request: Request,
        extensions: &mut Extensions,
        next: Next<'_>,
    ) -> Result<Response, Error> {
        let attempt = extensions.get::<Attempts>().map(Attempts::next);
        let call = begin(&self.options, &request, attempt);
        call.inject(request.headers_mut());
        let mut exchange = call.into_exchange();
        let result = next.run(request, extensions).await;
        match &result {
            Ok(response) => {
                exchange.responded(response.status(), response.headers());
                exchange.end();
            }
            Err(Error::Reqwest(error)) => exchange.fail(&describe(error)),
            Err(Error::Middleware(error)) => exchange.fail(&error.to_string()),
        }
        result
    }
}

/// Gives every request a count of its attempts. Attached before the middleware that tries again.
#[derive(Debug, Clone, Copy, Default)]
pub struct CountAttempts;

#[async_trait::async_trait]
impl Middleware for CountAttempts {
    async fn handle(&self, request: Request, extensions: &mut Extensions, next: Next<'_>) -> Result<Response, Error> {
        extensions.insert(Attempts::new());
        next.run(request, extensions).await
    }
}
