//! How the pages look: whether everything can be read and has a name, and pictures of them.

use std::path::Path;

use super::World;
use super::case::{clean, seed};
use super::chrome::Chrome;
use super::console::Console;

/// Contrast of all text with what is behind it, and a name for everything that takes the focus.
pub(crate) fn readable(world: &World) -> Result<(), String> {
    let console = Console::start(&world.binary, ":memory:", 0)?;
    seed(&console)?;
    let page = world.chrome.page(&console.origin(), 1400, 900)?;
    page.go("/?q=Galileo")?;
    let ids = page.eval("[...document.querySelectorAll('#rows tr')].map((r) => r.dataset.id)")?;
    let id = |at: usize| ids[at].as_str().unwrap_or_default().to_owned();
    page.go("/sessions")?;
    let session = page.eval("document.querySelector('.sessions a').getAttribute('href')")?;
    let mut paths: Vec<String> =
        ["/", "/?q=nothing-at-all", "/sessions", "/services", "/insights"].map(str::to_owned).into();
    paths.push(session.as_str().unwrap_or_default().to_owned());
    for view in ["", "/map", "/insights"] {
        paths.push(format!("/traces/{}{view}", id(1)));
    }
    paths.push(format!("/compare?a={}&b={}", id(0), id(1)));
    let mut faults = Vec::new();
    for (dark, width) in [(false, 1400), (true, 1400), (false, 400)] {
        page.dark(dark)?;
        page.size(width, 900)?;
        for path in &paths {
            page.go(path)?;
            page.wait("document.querySelector('.ready')")?;
            if path.starts_with("/traces") && path.ends_with(&id(1)) {
                page.key("e")?;
                page.wait("document.querySelector('.p-error')")?;
            }
            let found = page.eval(READABLE)?;
            for fault in found.as_array().into_iter().flatten() {
                faults.push(format!(
                    "{path} {}: {}",
                    if dark { "dark" } else { "light" },
                    fault.as_str().unwrap_or_default()
                ));
            }
        }
    }
    faults.extend(page.faults());
    if faults.is_empty() { Ok(()) } else { Err(faults.join("\n      ")) }
}

/// Text under 4.5 to 1 against the nearest colour behind it; controls without a name; pictures with neither name nor `aria-hidden`.
const READABLE: &str = "(() => { \
    const pen = Object.assign(document.createElement('canvas'), { width: 1, height: 1 }).getContext('2d', { willReadFrequently: true }); \
    const rgba = (colour) => { pen.clearRect(0, 0, 1, 1); pen.fillStyle = colour; pen.fillRect(0, 0, 1, 1); return [...pen.getImageData(0, 0, 1, 1).data]; }; \
    const over = (top, below) => { const a = top[3] / 255; return [0, 1, 2].map((k) => top[k] * a + below[k] * (1 - a)).concat(255); }; \
    const light = (c) => { const [r, g, b] = c.map((v) => { v /= 255; return v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4; }); return 0.2126 * r + 0.7152 * g + 0.0722 * b; }; \
    const behind = (e) => { const layers = []; for (let at = e; at; at = at.parentElement) { const c = rgba(getComputedStyle(at).backgroundColor); if (c[3] > 0) layers.push(c); if (c[3] === 255) break; } \
    return layers.reverse().reduce((below, top) => over(top, below), [255, 255, 255, 255]); }; \
    const bad = new Set(); \
    const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT); \
    while (walk.nextNode()) { const e = walk.currentNode.parentElement; const text = walk.currentNode.data.trim(); \
    if (!text || !e.checkVisibility({ opacityProperty: true, visibilityProperty: true }) || e.closest('.sr, .skip, dialog, option, svg, template')) continue; \
    const back = behind(e), front = over(rgba(getComputedStyle(e).color), back); \
    const [a, b] = [light(front), light(back)].sort((x, y) => y - x); const ratio = (a + 0.05) / (b + 0.05); \
    if (ratio < 4.5) bad.add(ratio.toFixed(2) + ' to 1: ' + e.tagName + '.' + e.className + ' ' + text.slice(0, 30)); } \
    for (const e of document.querySelectorAll('a[href], button, input, select, summary, [tabindex=\"0\"], [role=img]')) { if (!e.checkVisibility() || e.closest('[aria-hidden=true]')) continue; \
    const name = e.getAttribute('aria-label') || e.textContent.trim() || e.title || (e.labels && [...e.labels].map((l) => l.textContent.trim()).join('')) || ''; \
    if (!name) bad.add('no name: ' + e.outerHTML.slice(0, 90)); } \
    for (const e of document.querySelectorAll('svg')) if (!e.closest('[aria-hidden=true]') && !e.getAttribute('aria-label') && e.checkVisibility()) bad.add('svg without a name: ' + e.outerHTML.slice(0, 70)); \
    if (document.documentElement.scrollWidth > innerWidth) bad.add('wider than the window'); \
    return [...bad]; })()";

/// One page of a console that somebody else runs, as a picture for the documents.
pub(crate) fn picture_of(chrome: &Chrome, url: &str, file: &Path, dark: bool) -> Result<(), String> {
    let host = url.find("://").and_then(|at| url[at + 3..].find('/').map(|slash| at + 3 + slash));
    let (origin, path) = url.split_at(host.unwrap_or(url.len()));
    let page = chrome.page(origin, 1440, 900)?;
    page.dark(dark)?;
    page.go(if path.is_empty() { "/" } else { path })?;
    page.wait("document.querySelector('.ready')")?;
    page.picture(file)?;
    clean(&page)
}

pub(crate) fn pictures(world: &World) -> Result<(), String> {
    let console = Console::start(&world.binary, ":memory:", 0)?;
    seed(&console)?;
    let page = world.chrome.page(&console.origin(), 1440, 900)?;
    for dark in [false, true] {
        page.dark(dark)?;
        let theme = if dark { "dark" } else { "light" };
        for (width, height, size) in [(1440, 900, ""), (400, 800, "-narrow")] {
            page.size(width, height)?;
            let save = |name: &str| page.picture(&world.pictures.join(format!("{name}-{theme}{size}.png")));
            page.go("/")?;
            page.wait("document.querySelectorAll('#rows tr').length > 5")?;
            save("list")?;
            for (name, row) in [("error", "tr.error"), ("trace", "tr.ok"), ("running", "tr.running")] {
                page.go("/")?;
                let href = page.eval(&format!("[...document.querySelectorAll('{row}')].filter((r) => !r.textContent.includes('reindex')).at({}).querySelector('a').getAttribute('href')", if name == "trace" { -1 } else { 0 }))?;
                page.go(href.as_str().unwrap_or_default())?;
                page.wait("document.querySelector('.ready')")?;
                save(&format!("{name}-trace"))?;
                page.key(if name == "error" { "e" } else { "End" })?;
                page.wait("document.querySelector('.row.chosen .nm')?.textContent === document.querySelector('#panel h2').textContent")?;
                save(name)?;
            }
            for (name, path) in [("sessions", "/sessions"), ("services", "/services"), ("insights", "/insights")] {
                page.go(path)?;
                page.wait("document.querySelector('.ready')")?;
                save(name)?;
            }
            page.go("/sessions")?;
            let href = page.eval("document.querySelector('.sessions a').getAttribute('href')")?;
            page.go(href.as_str().unwrap_or_default())?;
            save("session")?;
            page.go("/?q=Galileo")?;
            let ids = page.eval("[...document.querySelectorAll('#rows tr')].map((r) => r.dataset.id)")?;
            let id = |at: usize| ids[at].as_str().unwrap_or_default().to_owned();
            for (name, path) in [
                ("trace-map", format!("/traces/{}/map", id(0))),
                ("trace-insights", format!("/traces/{}/insights", id(0))),
                ("compare", format!("/compare?a={}&b={}", id(0), id(1))),
            ] {
                page.go(&path)?;
                save(name)?;
            }
            page.go("/?q=Callisto")?;
            let href = page.eval("document.querySelector('#rows tr a').getAttribute('href')")?;
            page.go(href.as_str().unwrap_or_default())?;
            page.wait("document.querySelector('.ready')")?;
            page.key("End")?;
            page.wait("document.querySelector('#panel h2').textContent === 'answer'")?;
            save("messages")?;
        }
    }
    clean(&page)
}
