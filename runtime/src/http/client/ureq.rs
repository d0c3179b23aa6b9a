//! The middleware for `ureq`: requests of programs without an async runtime.

use super::{Attempts, ClientCall, ClientOptions, Outgoing};
use http::{HeaderMap, Request, Response, StatusCode};
use ureq::middleware::{Middleware, MiddlewareNext};
use ureq::{Body, Error, SendBody};

/// Continues the running trace in every request of an agent: opens a span for each and adds its headers.
///
/// The span records method, host, status and errors and ends with the response's head. Outside of any trace requests go out as
/// they are.
///
/// ```
/// use galileo::middleware::UreqTracing;
///
/// let agent: ureq::Agent = ureq::Agent::config_builder().middleware(UreqTracing::new()).build().into();
/// ```
#[derive(Debug, Clone)]
pub struct UreqTracing {
    options: ClientOptions,
}

client_options!(UreqTracing);

impl Middleware for UreqTracing {
    fn handle(&self, mut request: Request<SendBody<'_>>, next: MiddlewareNext<'_>) -> Result<Response<Body>, Error> {
        let attempt = request.extensions().get::<Attempts>().map(Attempts::next);
        let outgoing = Outgoing { method: request.method(), uri: request.uri(), attempt, is_grpc: false };
        let call = ClientCall::begin(&self.options, &outgoing);
        call.inject(request.headers_mut());
        let mut exchange = call.into_exchange();
        let result = next.handle(request);
        match &result {
            Ok(response) => {
                exchange.responded(response.status(), response.headers());
                exchange.end();
            }
            // A status is an error here when the agent is set so; the text of others may hold the address with its query.
            Err(Error::StatusCode(status)) => {
                exchange.responded(StatusCode::from_u16(*status).unwrap_or_default(), &HeaderMap::new());
                exchange.end();
            }
            Err(Error::BadUri(_)) => exchange.fail("the address is not valid"),
            Err(error) => exchange.fail(&error.to_string()),
        }
        result
    }
}
