//! Scripts, styles and fonts, compiled into the binary. Nothing is read from disk and nothing comes from another host.

use axum::extract::Path;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};

struct Asset {
    name: &'static str,
    kind: &'static str,
    body: &'static [u8],
}

const SCRIPT: &str = "text/javascript; charset=utf-8";
const STYLE: &str = "text/css; charset=utf-8";
const FONT: &str = "font/woff2";

macro_rules! asset {
    ($name:literal, $kind:expr) => {
        Asset { name: $name, kind: $kind, body: include_bytes!(concat!("../../assets/", $name)) }
    };
    ($name:literal in $folder:literal, $kind:expr) => {
        Asset { name: $name, kind: $kind, body: include_bytes!(concat!("../../assets/", $folder, "/", $name)) }
    };
}

static ASSETS: &[Asset] = &[
    asset!("base.css", STYLE),
    asset!("list.css", STYLE),
    asset!("pages.css", STYLE),
    asset!("panel.css", STYLE),
    asset!("trace.css", STYLE),
    asset!("theme.js", SCRIPT),
    asset!("shared.js", SCRIPT),
    asset!("list.js", SCRIPT),
    asset!("page.js", SCRIPT),
    asset!("trace.js", SCRIPT),
    asset!("tree.js", SCRIPT),
    asset!("waterfall.js", SCRIPT),
    asset!("scrubber.js", SCRIPT),
    asset!("icon.svg", "image/svg+xml"),
    asset!("plex-sans-400.woff2" in "fonts", FONT),
    asset!("plex-sans-500.woff2" in "fonts", FONT),
    asset!("plex-sans-600.woff2" in "fonts", FONT),
    asset!("plex-mono-400.woff2" in "fonts", FONT),
    asset!("plex-mono-500.woff2" in "fonts", FONT),
];

/// `GET /assets/{name}`. The tag is a checksum: a browser that has the file asks and gets 304.
pub(crate) async fn get(Path(name): Path<String>, request: HeaderMap) -> Response {
    let Some(asset) = ASSETS.iter().find(|asset| asset.name == name) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let tag = format!("\"{:016x}\"", checksum(asset.body));
    if request.get(header::IF_NONE_MATCH).is_some_and(|known| known.as_bytes() == tag.as_bytes()) {
        return (StatusCode::NOT_MODIFIED, [(header::ETAG, tag)]).into_response();
    }
    let cache = if asset.kind == FONT { "max-age=86400" } else { "no-cache" };
    (
        [(header::CONTENT_TYPE, asset.kind.to_owned()), (header::ETAG, tag), (header::CACHE_CONTROL, cache.to_owned())],
        asset.body,
    )
        .into_response()
}

fn checksum(body: &[u8]) -> u64 {
    body.iter().fold(0xcbf2_9ce4_8422_2325, |value, byte| (value ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
}
