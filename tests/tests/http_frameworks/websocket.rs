//! A WebSocket upgrade: the request's span ends with it, and what happens on the socket belongs to the trace.

use axum::Router;
use axum::extract::ws::{Message, WebSocket, WebSocketUpgrade};
use axum::response::Response;
use axum::routing::get;
use galileo::middleware::TracingLayer;
use galileo::{Context, InContext};
use galileo_tests::collect::{caller, collecting};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::{step, tree_of};

async fn upgrade(upgrade: WebSocketUpgrade) -> Response {
    let context = Context::current();
    upgrade.on_upgrade(move |socket| serve(socket).in_context(context))
}

async fn serve(mut socket: WebSocket) {
    while let Some(Ok(Message::Text(text))) = socket.recv().await {
        step("message").await;
        if socket.send(Message::Text(text)).await.is_err() {
            return;
        }
    }
}

async fn read_until(socket: &mut TcpStream, end: &[u8]) -> Vec<u8> {
    let mut read = Vec::new();
    while !read.ends_with(end) {
        let mut byte = [0];
        assert_eq!(socket.read(&mut byte).await.expect("connected"), 1, "closed early");
        read.push(byte[0]);
    }
    read
}

#[tokio::test]
async fn messages_on_the_socket_belong_to_the_trace_of_the_upgrade() {
    collecting();
    let router = Router::new().route("/ws", get(upgrade)).layer(TracingLayer::new());
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("bound");
    tokio::spawn(async move { axum::serve(listener, router).await });

    let caller = caller();
    let mut socket = TcpStream::connect(address).await.expect("connected");
    let request = format!(
        "GET /ws HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\n\
         sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\nx-galileo-trace-id: {}\r\n\r\n",
        caller.0
    );
    socket.write_all(request.as_bytes()).await.expect("sent");
    let head = read_until(&mut socket, b"\r\n\r\n").await;
    assert!(head.starts_with(b"HTTP/1.1 101"), "{}", String::from_utf8_lossy(&head));
    assert_eq!(tree_of(&caller.0, 1).await, "workflow GET /ws ok 101\n", "over with the upgrade");

    // A text frame "hi", masked with zeros, as a client has to; the answer comes unmasked.
    socket.write_all(&[0x81, 0x82, 0, 0, 0, 0, b'h', b'i']).await.expect("sent");
    assert_eq!(read_until(&mut socket, b"hi").await, [0x81, 2, b'h', b'i']);
    assert_eq!(tree_of(&caller.0, 2).await, "workflow GET /ws ok 101\n  tool message ok 200\n");
}
