//! The cases, each a short visit to the pages.

use std::time::Duration;

use serde_json::{Value, json};

use super::World;
use super::chrome::Page;
use super::console::Console;
use super::look;
use super::payload;
use super::seed::{self, Span, uuid};

/// One visit.
pub(crate) struct Case {
    pub(crate) name: &'static str,
    pub(crate) smoke: bool,
    pub(crate) run: fn(&World) -> Result<(), String>,
}

/// All of them, in the order in which they run.
pub(crate) const ALL: &[Case] = &[
    Case { name: "an empty console says how to begin", smoke: true, run: empty },
    Case { name: "a trace appears in the list without a reload", smoke: true, run: list_live },
    Case { name: "a span is chosen by click, key and address", smoke: true, run: choose },
    Case { name: "a running trace grows while it is looked at", smoke: true, run: grow },
    Case { name: "the page of a trace that is still to come opens it", smoke: true, run: waiting },
    Case { name: "filters narrow the list and stand in the address", smoke: true, run: filter },
    Case { name: "sessions, services, insights and comparisons open and link", smoke: true, run: pages },
    Case { name: "payloads in every field stay text", smoke: true, run: some_payloads },
    Case { name: "all payloads in every field stay text", smoke: false, run: all_payloads },
    Case { name: "ten thousand spans are interactive within a second", smoke: false, run: many },
    Case { name: "a longer trace comes in pieces", smoke: false, run: pieces },
    Case { name: "the page catches up after the console was restarted", smoke: false, run: reconnect },
    Case { name: "everything can be read and named, light and dark", smoke: false, run: look::readable },
    Case { name: "pictures of every page", smoke: false, run: look::pictures },
];

/// Fills a console with what the pictures show.
pub(crate) fn seed(console: &Console) -> Result<(), String> {
    let now = seed::now();
    let session = console.session("evening at the telescope")?;
    for (age, scale) in [(3_400.0, 0.8), (2_100.0, 1.4), (950.0, 1.0), (610.0, 0.9), (240.0, 2.2)] {
        console.trace(&seed::trace(now - age * 1000.0, &seed::ask(scale, false)).1, true, Some(&session))?;
    }
    console.trace(&seed::trace(now - 400_000.0, &seed::ask(1.1, true)).1, true, None)?;
    console.trace(&seed::trace(now - 95_000.0, &seed::agent()).1, true, Some(&session))?;
    console.trace(&seed::trace(now - 61_000.0, &seed::many(40)).1, true, None)?;
    let (id, start) = running(console, now - 1_400.0)?;
    let late = Span::new("llm", "chat gpt-4o", 610.0, 0.0)
        .open()
        .io(json!([{"role": "user", "content": "And in 1612?"}]), Value::Null);
    console.spans(&id, &start, &[late.wire(now - 1_400.0)])
}

/// A trace with an open root; returns its id and the root's.
fn running(console: &Console, start: f64) -> Result<(String, String), String> {
    let search = Span::new("retriever", "search.query", 40.0, 220.0).service("search").io(
        "What did he see in 1612?".into(),
        json!([{"content": "Neptune, which he took for a star.", "metadata": {"source": "neptune.md"}}]),
    );
    let root = Span::new("agent", "orchestrator.process", 2.0, 0.0)
        .open()
        .service("orchestrator")
        .io("What did he see in 1612?".into(), Value::Null)
        .with([search]);
    let root_id = root.id();
    let (id, mut trace) = seed::trace(start, &[root]);
    trace["metrics"] = json!({});
    trace["output"] = Value::Null;
    console.trace(&trace, false, None)?;
    Ok((id, root_id))
}

pub(crate) fn clean(page: &Page<'_>) -> Result<(), String> {
    let faults = page.faults();
    if faults.is_empty() { Ok(()) } else { Err(faults.join("\n      ")) }
}

fn expect(page: &Page<'_>, expression: &str, wanted: &Value) -> Result<(), String> {
    let found = page.eval(expression)?;
    if found == *wanted { Ok(()) } else { Err(format!("{expression}\n      is {found}, not {wanted}")) }
}

fn empty(world: &World) -> Result<(), String> {
    let page = world.chrome.page(&world.console.origin(), 1200, 700)?;
    page.go("/")?;
    page.wait("document.querySelector('.empty h2').textContent.includes('Waiting')")?;
    expect(&page, "document.fonts.ready.then(() => document.fonts.check('14px \"Plex Sans\"'))", &json!(true))?;
    clean(&page)
}

fn list_live(world: &World) -> Result<(), String> {
    let page = world.chrome.page(&world.console.origin(), 1200, 700)?;
    page.go("/")?;
    page.wait("document.querySelector('#live').dataset.state === 'on'")?;
    let (id, trace) = seed::trace(seed::now() - 800.0, &seed::ask(1.0, false));
    world.console.trace(&trace, true, None)?;
    page.wait(&format!("document.querySelector('tr[data-id=\"{id}\"]')"))?;
    expect(&page, &format!("document.querySelector('tr[data-id=\"{id}\"] b').textContent"), &json!("POST /ask"))?;
    let (running, _) = running(&world.console, seed::now())?;
    page.wait(&format!("document.querySelector('tr[data-id=\"{running}\"].running .pulse')"))?;
    // It is the newest, so it stands first; the key j goes to it and Enter opens it.
    page.key("j")?;
    expect(&page, "document.querySelector('tr[aria-current]').dataset.id", &json!(running))?;
    page.key("Enter")?;
    page.wait(&format!("location.pathname === '/traces/{running}' && document.querySelector('.ready')"))?;
    clean(&page)
}

fn choose(world: &World) -> Result<(), String> {
    let (id, trace) = seed::trace(seed::now() - 60_000.0, &seed::ask(1.0, true));
    world.console.trace(&trace, true, None)?;
    let page = world.chrome.page(&world.console.origin(), 1400, 800)?;
    page.go(&format!("/traces/{id}"))?;
    page.wait("document.querySelectorAll('.row:not([hidden])').length === 7")?;
    // The way of the error is marked from its origin up to the root, and spelled out above the tree.
    expect(&page, "document.querySelectorAll('.row.error').length", &json!(4))?;
    page.wait("document.querySelector('.bad-note').textContent.includes('vector_db.query')")?;
    for _ in 0..3 {
        page.key("j")?;
    }
    page.wait("new URLSearchParams(location.search).get('span') && document.querySelector('#panel h2').textContent === 'cache.read'")?;
    page.key("e")?;
    page.wait("document.querySelector('.p-error pre')?.textContent.includes('deadline')")?;
    let address = page.eval("location.pathname + location.search")?;
    page.go(address.as_str().unwrap_or_default())?;
    page.wait("document.querySelector('.row.chosen .nm')?.textContent === 'vector_db.query'")?;
    // Left folds: first to the parent, then the parent itself.
    page.key("ArrowLeft")?;
    page.wait("document.querySelector('.row.chosen .nm').textContent === 'search.query'")?;
    page.key("ArrowLeft")?;
    page.wait("document.querySelectorAll('.row:not([hidden])').length === 6 && document.querySelector('.row.chosen').getAttribute('aria-expanded') === 'false'")?;
    page.key("]")?;
    page.wait("document.querySelectorAll('.row:not([hidden])').length === 7")?;
    page.key("/")?;
    page.type_text("auth")?;
    page.wait("document.querySelectorAll('.row.hit').length === 1")?;
    page.key("Enter")?;
    page.wait("document.querySelector('#panel h2').textContent === 'auth.check'")?;
    page.click(".row .nm")?;
    page.picture(&world.pictures.join("click.png"))?;
    page.wait("!location.search.includes('span=') && document.querySelector('#panel h2').textContent === 'POST /ask'")?;
    page.key("Escape")?;
    page.key("?")?;
    page.wait("document.querySelector('#keys').open")?;
    clean(&page)
}

fn grow(world: &World) -> Result<(), String> {
    let start = seed::now();
    let (id, root) = running(&world.console, start)?;
    let page = world.chrome.page(&world.console.origin(), 1400, 800)?;
    page.go(&format!("/traces/{id}?span={root}"))?;
    page.wait(
        "document.querySelector('#live').dataset.state === 'on' && document.querySelectorAll('.row.open').length === 2",
    )?;
    let width = page.eval("document.querySelector('.row.chosen .c-dur').textContent")?;
    page.wait(&format!("document.querySelector('.row.chosen .c-dur').textContent !== {width}"))?;
    let model = Span::new("llm", "chat gpt-4o", 300.0, 120.0)
        .io(json!([{"role": "user", "content": "hello"}]), json!({"role": "assistant", "content": "Neptune."}))
        .usage("gpt-4o", 40, 6);
    world.console.spans(&id, &root, &[model.wire(start)])?;
    let took = page.wait_within(
        "[...document.querySelectorAll('.row .nm')].some((e) => e.textContent === 'chat gpt-4o')",
        Duration::from_secs(5),
    )?;
    if took > Duration::from_secs(2) {
        return Err(format!("a new span took {took:?} to appear"));
    }
    world.console.update(
        "spans",
        &root,
        json!({"output": "Neptune.", "status_code": 200, "duration_ns": 900_000_000}),
    )?;
    world.console.update(
        "traces",
        &id,
        json!({"output": "Neptune.", "is_complete": true, "duration_ns": 901_000_000}),
    )?;
    page.wait("document.querySelector('#panel').textContent.includes('Neptune.') && !document.querySelector('.summary .running')")?;
    page.wait("document.querySelectorAll('.row.open:not([hidden])').length === 0")?;
    expect(&page, "document.querySelector('.row.chosen .nm').textContent", &json!("orchestrator.process"))?;
    clean(&page)
}

fn waiting(world: &World) -> Result<(), String> {
    let (id, trace) = seed::trace(seed::now(), &seed::ask(1.0, false));
    let page = world.chrome.page(&world.console.origin(), 1200, 700)?;
    page.go(&format!("/traces/{id}"))?;
    page.wait("document.querySelector('#live').dataset.state === 'on' && document.querySelector('.empty h2')")?;
    world.console.trace(&trace, true, None)?;
    page.wait("document.querySelectorAll('.row:not([hidden])').length === 12")?;
    // That the trace was not there is what this case is about, and the browser says so on its console.
    let faults: Vec<String> = page.faults().into_iter().filter(|fault| !fault.contains("404")).collect();
    if faults.is_empty() { Ok(()) } else { Err(faults.join("\n      ")) }
}

fn filter(world: &World) -> Result<(), String> {
    let word = format!("quasar{}", &uuid()[..6]);
    let span = Span::new("tool", "observe", 0.0, 20.0).service("dome").io(word.clone().into(), "seen".into());
    let (id, trace) = seed::trace(seed::now() - 5_000.0, &[span]);
    world.console.trace(&trace, true, None)?;
    let page = world.chrome.page(&world.console.origin(), 1200, 700)?;
    page.go("/")?;
    page.wait("document.querySelectorAll('#rows tr').length > 0")?;
    page.key("/")?;
    page.type_text(&word)?;
    page.wait(&format!(
        "document.querySelectorAll('#rows tr').length === 1 && document.querySelector('#rows tr').dataset.id === '{id}'"
    ))?;
    page.wait(&format!("new URLSearchParams(location.search).get('q') === '{word}'"))?;
    page.go(&format!("/?q={word}&service=dome&status=ok&type=tool"))?;
    page.wait("document.querySelectorAll('#rows tr').length === 1")?;
    page.go(&format!("/?q={word}&status=error"))?;
    page.wait("document.querySelector('.empty h2').textContent.includes('No trace')")?;
    clean(&page)
}

fn pages(world: &World) -> Result<(), String> {
    let session = world.console.session("a night of four moons")?;
    let mut ids = Vec::new();
    for (age, failing) in [(30_000.0, false), (20_000.0, true)] {
        let (id, trace) = seed::trace(seed::now() - age, &seed::ask(1.0, failing));
        world.console.trace(&trace, true, Some(&session))?;
        ids.push(id);
    }
    let page = world.chrome.page(&world.console.origin(), 1300, 850)?;
    page.go("/sessions")?;
    page.wait("document.querySelector('.sessions b').textContent === 'a night of four moons'")?;
    page.click(".sessions a")?;
    page.wait("document.querySelectorAll('.turn').length === 2 && document.querySelector('.turn .asked').textContent.includes('1610')")?;
    page.go("/services")?;
    page.wait("document.querySelectorAll('.node').length > 4 && document.querySelectorAll('.edge').length > 4")?;
    page.go("/insights?range=1h")?;
    page.wait("[...document.querySelectorAll('.chapter h2')].some((e) => e.textContent === 'Errors by origin')")?;
    page.go(&format!("/traces/{}/map", ids[0]))?;
    page.wait("document.querySelectorAll('.node').length === 6")?;
    page.go(&format!("/traces/{}/insights", ids[0]))?;
    for title in ["Errors by origin", "Bottleneck", "Retries"] {
        page.wait(&format!("[...document.querySelectorAll('.chapter h2')].some((e) => e.textContent === '{title}')"))?;
    }
    page.click(".is-bad .links a")?;
    page.wait(
        "location.search.includes('span=') && document.querySelector('#panel h2')?.textContent === 'vector_db.query'",
    )?;
    page.go(&format!("/compare?a={}", ids[0]))?;
    page.wait("document.querySelectorAll('.sessions a').length > 0")?;
    page.go(&format!("/compare?a={}&b={}", ids[0], ids[1]))?;
    page.wait(
        "document.querySelectorAll('.cmp tbody tr').length === 11 && document.querySelectorAll('.only-a').length === 5",
    )?;
    clean(&page)
}

fn some_payloads(world: &World) -> Result<(), String> {
    payloads(world, &payload::some())
}

fn all_payloads(world: &World) -> Result<(), String> {
    payloads(world, payload::ALL)
}

fn payloads(world: &World, texts: &[&str]) -> Result<(), String> {
    let page = world.chrome.page(&world.console.origin(), 1400, 900)?;
    for chunk in texts.chunks(12) {
        let spans: Vec<Span> =
            chunk.iter().enumerate().map(|(at, text)| payload::span(text, at as f64 * 10.0)).collect();
        let first = spans.first().map(Span::id).unwrap_or_default();
        let (id, trace) = payload::trace(chunk[0], &spans);
        world.console.trace(&trace, true, None)?;
        page.go(&format!("/traces/{id}?span={first}"))?;
        page.wait(&format!("document.querySelectorAll('.row:not([hidden])').length > {}", chunk.len().min(8)))?;
        for text in chunk {
            // A tool span, a model and a retriever under it: each shows the text in its own way.
            for _ in 0..3 {
                let chosen = "new URLSearchParams(location.search).get('span')";
                page.wait(&format!("document.querySelector('#panel').dataset.span === {chosen}"))?;
                expect(&page, payload::CHECK, &json!([]))?;
                let shown = page.eval("document.querySelector('#panel').textContent")?;
                let needle = payload::visible_part(text);
                if !shown.as_str().is_some_and(|shown| shown.contains(needle.as_str())) {
                    return Err(format!("the panel does not show {needle:?}"));
                }
                page.key("j")?;
            }
        }
        page.go("/")?;
        expect(&page, payload::CHECK, &json!([]))?;
    }
    page.picture(&world.pictures.join("payloads.png"))?;
    clean(&page)
}

/// Sends a trace of that many batches, ten spans each and a root, in requests of the size that the console takes.
fn send_many(world: &World, wide: usize) -> Result<String, String> {
    let start = seed::now() - 900_000.0;
    let root = seed::many(0).remove(0);
    let (id, trace) = seed::trace(start, std::slice::from_ref(&root));
    world.console.trace(&trace, true, None)?;
    for from in (0..wide).step_by(500) {
        let batches: Vec<Value> =
            seed::batches(from..wide.min(from + 500)).iter().map(|batch| batch.wire(start)).collect();
        world.console.spans(&id, &root.id(), &batches)?;
    }
    Ok(id)
}

fn many(world: &World) -> Result<(), String> {
    let id = send_many(world, 1_000)?;
    let page = world.chrome.page(&world.console.origin(), 1400, 900)?;
    page.go("/")?;
    let started = std::time::Instant::now();
    page.go(&format!("/traces/{id}"))?;
    page.wait("document.querySelector('.ready') && document.querySelectorAll('.row:not([hidden])').length > 20")?;
    page.key("End")?;
    page.wait("document.querySelector('.row.chosen .nm')?.textContent === 'chunk 999.8'")?;
    let took = started.elapsed();
    let rows = page.eval("document.querySelectorAll('.row').length")?;
    eprintln!("      10,002 rows: drawn and answering to the keyboard after {took:.1?}, {rows} of them elements");
    // A debug build on a busy machine is several times slower than what is promised; `--release` is held to the promise.
    let limit = Duration::from_secs(if world.release { 1 } else { 4 });
    if took > limit {
        return Err(format!("{took:?}"));
    }
    page.picture(&world.pictures.join("many.png"))?;
    clean(&page)
}

fn pieces(world: &World) -> Result<(), String> {
    let id = send_many(world, 3_000)?;
    let page = world.chrome.page(&world.console.origin(), 1400, 900)?;
    page.go(&format!("/traces/{id}"))?;
    page.wait("document.querySelector('.ready')")?;
    let shown = "document.querySelector('#shown').textContent";
    expect(&page, shown, &json!("12001 of 30002 loaded"))?;
    for loaded in ["'24001 of 30002 loaded'", "''"] {
        page.key("End")?;
        page.wait(&format!("{shown} === {loaded}"))?;
    }
    page.key("End")?;
    page.wait("document.querySelector('.row.chosen .nm')?.textContent === 'chunk 2999.8'")?;
    clean(&page)
}

fn reconnect(world: &World) -> Result<(), String> {
    let database = world.pictures.join("reconnect.db");
    for ending in ["", "-wal", "-shm"] {
        let _ = std::fs::remove_file(format!("{}{ending}", database.display()));
    }
    let name = database.to_string_lossy().into_owned();
    let console = Console::start(&world.binary, &name, 0)?;
    let port = console.port();
    let page = world.chrome.page(&console.origin(), 1200, 700)?;
    page.go("/")?;
    page.wait("document.querySelector('#live').dataset.state === 'on'")?;
    drop(console);
    page.wait("document.querySelector('#live').dataset.state === 'off'")?;
    let console = Console::start(&world.binary, &name, port)?;
    let (id, trace) = seed::trace(seed::now(), &seed::ask(1.0, false));
    console.trace(&trace, true, None)?;
    page.wait_within(
        &format!(
            "document.querySelector('#live').dataset.state === 'on' && document.querySelector('tr[data-id=\"{id}\"]')"
        ),
        Duration::from_secs(20),
    )?;
    // The failed attempts to connect are on the console of any browser; they are what this case is about.
    let faults: Vec<String> = page
        .faults()
        .into_iter()
        .filter(|fault| !fault.contains("ERR_CONNECTION_REFUSED") && !fault.contains("ERR_INCOMPLETE_CHUNKED_ENCODING"))
        .collect();
    if faults.is_empty() { Ok(()) } else { Err(faults.join("\n      ")) }
}
