//! One request through four services in four frameworks, which share nothing but headers.

use actix_web::web;
use axum::Router;
use axum::routing::post;
use galileo::middleware::actix::TracingMiddleware;
use galileo::middleware::{ClientTracingLayer, RequestExt, SendExt, TracingLayer};
use galileo_tests::http_client;
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_client::HealthClient;
use tower::ServiceBuilder;

use super::{actix, grpc, traced, tree_of};

#[tokio::test]
async fn a_chain_of_axum_actix_hyper_and_tonic_is_one_trace() {
    let tonic = grpc::serve().await;
    let channel = grpc::channel(&tonic).await;

    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let hyper = format!("http://{}", listener.local_addr().expect("bound"));
    tokio::spawn(async move {
        let service = ServiceBuilder::new().layer(TracingLayer::new().route(|_| Some("/hyper".to_owned()))).service_fn(
            move |_: http::Request<hyper::body::Incoming>| {
                let channel = ServiceBuilder::new().layer(ClientTracingLayer::new()).service(channel.clone());
                async move {
                    let request = HealthCheckRequest { service: "search".to_owned() };
                    HealthClient::new(channel).check(request).await.expect("known");
                    Ok::<_, std::convert::Infallible>(http::Response::new(String::new()))
                }
            },
        );
        while let Ok((stream, _)) = listener.accept().await {
            let service = hyper_util::service::TowerToHyperService::new(service.clone());
            let connection = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service);
            tokio::spawn(connection);
        }
    });

    let next = hyper.clone();
    let actix = actix::serve(TracingMiddleware::new(), move |app| {
        let next = next.clone();
        let handler = move || {
            let next = next.clone();
            async move {
                http_client().post(next).send_traced().await.expect("served");
                "ok"
            }
        };
        app.route("/actix", web::post().to(handler));
    });

    let next = format!("{actix}/actix");
    let handler = async move || {
        http_client().post(next.clone()).with_tracing_headers().send().await.expect("served");
    };
    let router = Router::new().route("/axum", post(handler)).layer(TracingLayer::new());
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let axum = format!("http://{}/axum", listener.local_addr().expect("bound"));
    tokio::spawn(async move { axum::serve(listener, router).await });

    let (trace, _) =
        traced(async { http_client().post(axum).with_tracing_headers().send().await.expect("served") }).await;
    assert_eq!(
        tree_of(&trace, 7).await,
        format!(
            "workflow ask ok 200\n\
             \x20 workflow POST /axum ok 200\n\
             \x20   workflow POST /actix ok 200\n\
             \x20     workflow POST {} ok 200\n\
             \x20       workflow POST /hyper ok 200\n\
             \x20         workflow grpc.health.v1.Health/Check ok 200\n\
             \x20           workflow grpc.health.v1.Health/Check ok 200\n",
            hyper.trim_start_matches("http://")
        )
    );
}
