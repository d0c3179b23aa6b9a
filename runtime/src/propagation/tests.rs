//! Tables over the grammars and limits of every header; each row says why.
#![allow(clippy::unwrap_used)]

mod baggage;
mod composite;
mod galileo;
mod langsmith;
mod trace_context;

use super::*;
use http::HeaderMap;
use http::header::{HeaderName, HeaderValue};

type Lines<'a> = &'a [(&'a str, &'a [u8])];

/// A header map with these raw lines, in this order.
fn headers(lines: Lines<'_>) -> HeaderMap {
    let mut map = HeaderMap::new();
    for (name, value) in lines {
        map.append(HeaderName::from_bytes(name.as_bytes()).unwrap(), HeaderValue::from_bytes(value).unwrap());
    }
    map
}

fn extract(lines: Lines<'_>) -> RemoteContext {
    Propagators::default().extract(&headers(lines))
}

fn rejected(remote: &RemoteContext) -> Vec<(Header, Reason)> {
    remote.rejected.iter().map(|rejection| (rejection.header, rejection.reason)).collect()
}

/// What is written, as sorted lines `name: value`.
fn inject(list: &str, outgoing: &OutgoingContext) -> Vec<String> {
    let mut map = HeaderMap::new();
    list.parse::<Propagators>().unwrap().inject(outgoing, &mut map);
    lines_of(&map)
}

fn lines_of(map: &HeaderMap) -> Vec<String> {
    let mut lines: Vec<String> =
        map.iter().map(|(name, value)| format!("{name}: {}", value.to_str().unwrap())).collect();
    lines.sort();
    lines
}
