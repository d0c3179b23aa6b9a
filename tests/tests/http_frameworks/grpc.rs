//! tonic: the tower layers around a gRPC service and around its client.

use std::sync::Arc;

use futures::StreamExt;
use futures::stream::BoxStream;
use galileo::Context;
use galileo::middleware::{AllowedHosts, ClientTracingLayer, RequestExt, TracingLayer};
use tokio::net::TcpListener;
use tokio::sync::Notify;
use tonic::transport::server::TcpIncoming;
use tonic::transport::{Channel, Endpoint, Server};
use tonic::{Request, Response, Status};
use tonic_health::pb::health_client::HealthClient;
use tonic_health::pb::health_server::{Health, HealthServer};
use tonic_health::pb::{HealthCheckRequest, HealthCheckResponse};
use tower::ServiceBuilder;

use super::{spans_of, traced, tree_of};
use crate::scenario::{Answer, Client, Served, handle, scenarios, served};

/// The health service under the layer, on a free port.
pub(crate) async fn serve() -> String {
    let (reporter, health) = tonic_health::server::health_reporter();
    reporter.set_service_status("search", tonic_health::ServingStatus::Serving).await;
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("bound");
    let server = Server::builder().layer(TracingLayer::new()).add_service(health);
    tokio::spawn(server.serve_with_incoming(TcpIncoming::from(listener)));
    format!("http://{address}")
}

pub(crate) async fn channel(address: &str) -> Channel {
    Endpoint::from_shared(address.to_owned()).expect("valid").connect().await.expect("connected")
}

fn check(service: &str) -> HealthCheckRequest {
    HealthCheckRequest { service: service.to_owned() }
}

#[tokio::test]
async fn both_layers_join_the_trace_and_read_the_grpc_status() {
    let address = serve().await;
    let host = address.trim_start_matches("http://");
    let layer = ClientTracingLayer::new().to_host(host).allowed_hosts(AllowedHosts::only([host]));
    let channel = ServiceBuilder::new().layer(layer).service(channel(&address).await);
    let mut client = HealthClient::new(channel);
    let (trace, _) = traced(async {
        client.check(check("search")).await.expect("known");
        client.check(check("nothing")).await.expect_err("unknown");
    })
    .await;
    let call = |outcome: &str| {
        let method = "workflow grpc.health.v1.Health/Check";
        format!("  {method} {outcome}\n    {method} {outcome}\n")
    };
    assert_eq!(
        tree_of(&trace, 5).await,
        format!("workflow ask ok 200\n{}{}", call("ok 200"), call("error 200")),
        "gRPC says what went wrong in a response that HTTP calls fine"
    );
    let spans = spans_of(&trace, 5).await;
    assert!(spans.iter().any(|span| span.metadata("server.address") == Some("127.0.0.1")));
}

#[tokio::test]
async fn one_request_with_headers_in_its_metadata() {
    let address = serve().await;
    let mut client = HealthClient::new(channel(&address).await);
    let (trace, _) = traced(async {
        let request = tonic::Request::new(check("search")).with_tracing_headers();
        assert_eq!(Context::extract(request.metadata()).trace_id(), Context::current().trace_id());
        client.check(request).await.expect("known");
    })
    .await;
    assert_eq!(tree_of(&trace, 2).await, "workflow ask ok 200\n  workflow grpc.health.v1.Health/Check ok 200\n");
}

/// The scenarios' handler as a gRPC service.
struct Scenarios(Arc<Notify>);

#[tonic::async_trait]
impl Health for Scenarios {
    async fn check(&self, request: Request<HealthCheckRequest>) -> Result<Response<HealthCheckResponse>, Status> {
        let mut response = Response::new(HealthCheckResponse::default());
        let Answer::Whole(text) = handle(&request.get_ref().service, &self.0).await else {
            return Err(Status::invalid_argument("comes in pieces"));
        };
        response.metadata_mut().insert("answer", text.parse().expect("valid"));
        Ok(response)
    }

    type WatchStream = BoxStream<'static, Result<HealthCheckResponse, Status>>;

    async fn watch(&self, request: Request<HealthCheckRequest>) -> Result<Response<Self::WatchStream>, Status> {
        let Answer::Pieces(pieces) = handle(&request.get_ref().service, &self.0).await else {
            return Err(Status::invalid_argument("comes whole"));
        };
        Ok(Response::new(pieces.map(|_| Ok(HealthCheckResponse::default())).boxed()))
    }
}

async fn serve_scenarios(_: usize) -> Served {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = format!("http://{}", listener.local_addr().expect("bound"));
    let began = Arc::new(Notify::new());
    let service = HealthServer::new(Scenarios(began.clone()));
    let server = Server::builder().layer(TracingLayer::new()).add_service(service);
    tokio::spawn(server.serve_with_incoming(TcpIncoming::from(listener)));
    // Connects again when a panic has taken the connection.
    let channel = Endpoint::from_shared(address).expect("valid").connect_lazy();
    served(Client::Grpc(HealthClient::new(channel)), began)
}

// gRPC has no upgrades.
scenarios!(crate::grpc::serve_scenarios);
