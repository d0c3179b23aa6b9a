//! hyper itself under the tower layer.

use std::convert::Infallible;
use std::sync::Arc;

use axum::body::Body;
use futures::StreamExt;
use galileo::middleware::TracingLayer;
use http::{Request, Response, StatusCode};
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::sync::Notify;
use tower::ServiceBuilder;

use crate::scenario::{Answer, Client, Served, handle, message, scenarios, served};

async fn respond(mut request: Request<Incoming>, began: Arc<Notify>) -> Response<Body> {
    let what = request.uri().path().trim_start_matches('/').to_owned();
    if what == "upgrade" {
        let upgraded = hyper::upgrade::on(&mut request);
        galileo::spawn(async move {
            let mut socket = TokioIo::new(upgraded.await.expect("upgraded"));
            let mut bytes = vec![0; 2];
            socket.read_exact(&mut bytes).await.expect("a message");
            socket.write_all(&message(bytes.into()).await).await.expect("sent");
        });
        let response = Response::builder().status(StatusCode::SWITCHING_PROTOCOLS);
        let response = response.header("connection", "upgrade").header("upgrade", "websocket");
        return response.body(Body::empty()).expect("valid");
    }
    Response::new(match handle(&what, &began).await {
        Answer::Whole(text) => Body::from(text),
        Answer::Pieces(pieces) => Body::from_stream(pieces.map(Ok::<_, Infallible>)),
    })
}

async fn serve(_: usize) -> Served {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("bound");
    let began = Arc::new(Notify::new());
    let theirs = began.clone();
    let served = served(Client::http(format!("http://{address}")), began);
    tokio::spawn(async move {
        let service = ServiceBuilder::new()
            .layer(TracingLayer::new().route(|_| Some("/{what}".to_owned())))
            .service_fn(move |request| {
                let began = theirs.clone();
                async move { Ok::<_, Infallible>(respond(request, began).await) }
            });
        while let Ok((stream, _)) = listener.accept().await {
            let service = hyper_util::service::TowerToHyperService::new(service.clone());
            let connection = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service);
            tokio::spawn(connection.with_upgrades());
        }
    });
    served
}

scenarios!(crate::hyper::serve, upgrades);
