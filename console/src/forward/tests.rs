use std::net::IpAddr;

use super::client::{Answer, Client};
use super::target::Target;
use crate::ingest::otlp::proto::ExportRequest;

/// c13: the address is looked at after the name was resolved, at every connection.
#[tokio::test]
async fn a_name_that_changes_its_mind_leads_nowhere() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let address = |text: &str| text.parse::<IpAddr>().unwrap();
    for (script, target, part) in [
        (vec![address("169.254.169.254")], Target::new("https://backend.example").unwrap(), "metadata"),
        (vec![address("10.0.0.1")], Target::new("http://backend.localhost:1").unwrap(), "another machine"),
        (vec![address("fe80::1")], Target::insecure("http://backend.example").unwrap(), "link-local"),
    ] {
        let client = Client::scripted(&target, script);
        let answer = client.send(&ExportRequest::default(), "").await;
        assert!(matches!(&answer, Answer::Later { reason, .. } if reason.contains(part)), "{answer:?}");
    }
    // The first answer is allowed (and nobody listens there), the second is not.
    let target = Target::new("http://backend.localhost:1").unwrap();
    let client = Client::scripted(&target, vec![address("127.0.0.1"), address("192.168.0.1")]);
    let first = client.send(&ExportRequest::default(), "").await;
    assert!(matches!(&first, Answer::Later { reason, .. } if !reason.contains("machine")), "{first:?}");
    let second = client.send(&ExportRequest::default(), "").await;
    assert!(matches!(&second, Answer::Later { reason, .. } if reason.contains("another machine")), "{second:?}");
}
