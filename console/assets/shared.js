// What every page uses: documents and JSON from the server, the live stream, times, copy buttons, common keys.
// Nothing here turns text into markup: fragments arrive as documents that the server escaped, the rest is text nodes.

export const $ = (selector, within = document) => within.querySelector(selector);

/** Fetches a page or fragment that the server rendered, parsed by the browser into a document of its own. */
export function fetchDocument(url) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open("GET", url);
    request.responseType = "document";
    request.timeout = 20000;
    request.onload = () => request.status < 400 && request.response ? resolve(request.response) : reject(new Error(`status ${request.status}`));
    request.onerror = request.ontimeout = () => reject(new Error("unreachable"));
    request.send();
  });
}

export async function fetchJson(url) {
  const response = await fetch(url, { headers: { accept: "application/json" } });
  if (!response.ok) throw new Error(`status ${response.status}`);
  return response.json();
}

/** Replaces what is inside `target` by what is inside the element of the same id in `source`. */
export function swap(target, source) {
  if (!target || !source) return;
  target.replaceChildren(...[...source.childNodes].map((node) => document.importNode(node, true)));
}

/**
 * Calls `change(event)` for each message of the stream and after each reconnect (with `{ resync: true }`).
 * The stream closes while the tab is hidden: browsers allow six connections to a host, and a row of open tabs would use them up.
 */
export function live(url, change) {
  const lamp = $("#live");
  const label = $("#live span");
  let source = null, retry = 0, timer = 0, opened = false;
  const show = (state, text) => { lamp.dataset.state = state; label.textContent = text; };
  const close = () => { clearTimeout(timer); source?.close(); source = null; };
  const open = () => {
    close();
    source = new EventSource(url);
    source.onopen = () => { show("on", "live"); retry = 0; if (opened) change({ resync: true }); opened = true; };
    source.onmessage = (message) => { let event = {}; try { event = JSON.parse(message.data); } catch { /* a comment */ } change(event); };
    source.onerror = () => {
      show("off", "reconnecting");
      opened = true;
      // The browser reconnects by itself unless the answer was an error; then it is on us.
      if (source?.readyState === EventSource.CLOSED) { close(); timer = setTimeout(open, Math.min(8000, 400 * 2 ** retry++)); }
    };
  };
  document.addEventListener("visibilitychange", () => { if (document.hidden) { close(); show("idle", "paused"); } else if (!source) open(); });
  addEventListener("pagehide", close);
  if (!document.hidden) open();
}

/** Runs `task` at once and then not more often than its own cost allows; calls in between become one. */
export function throttled(task, rest = 150) {
  let running = false, again = false;
  return async function run() {
    if (running) { again = true; return; }
    running = true;
    const started = performance.now();
    try { await task(); } catch { /* the stream's reconnect brings the page up to date */ }
    setTimeout(() => { running = false; if (again) { again = false; run(); } }, Math.max(rest, 3 * (performance.now() - started)));
  };
}

const clock = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", second: "2-digit", hour12: false });
const day = new Intl.DateTimeFormat(undefined, { month: "short", day: "numeric" });

/** Writes the times of the page in the reader's zone; the exact value stays in the title. */
export function localTimes(within = document) {
  for (const time of within.querySelectorAll("time[data-ms]")) {
    const at = new Date(Number(time.dataset.ms));
    if (Number.isNaN(at.getTime())) continue;
    const today = at.toDateString() === new Date().toDateString();
    const text = (today ? "" : `${day.format(at)} `) + clock.format(at);
    time.textContent = time.dataset.exact === undefined ? text : `${text}.${String(at.getMilliseconds()).padStart(3, "0")}`;
    time.title = time.getAttribute("datetime");
  }
}

/** Microseconds as people read them: three significant digits, the unit that fits. The server's `format::duration` agrees. */
export function duration(us) {
  if (us < 1) return "0";
  if (us < 1000) return `${Math.round(us)} µs`;
  if (us < 999500) { const ms = us / 1000; return `${ms < 9.995 ? ms.toFixed(2) : ms < 99.95 ? ms.toFixed(1) : ms.toFixed(0)} ms`; }
  const s = us / 1e6;
  if (s < 59.995) return `${s < 9.995 ? s.toFixed(2) : s.toFixed(1)} s`;
  const whole = Math.round(s);
  if (whole < 3600) return `${Math.floor(whole / 60)}m ${String(whole % 60).padStart(2, "0")}s`;
  return `${Math.floor(whole / 3600)}h ${String(Math.floor(whole / 60) % 60).padStart(2, "0")}m`;
}

export function count(n) {
  if (n < 10000) return String(n);
  if (n < 999500) return `${(n / 1000).toFixed(n < 99950 ? 1 : 0)}k`;
  return `${(n / 1e6).toFixed(1)}M`;
}

/** True while the reader types: single-letter keys are then theirs. */
export const typing = (event) => event.ctrlKey || event.metaKey || event.altKey || /^(INPUT|SELECT|TEXTAREA)$/.test(event.target.tagName);

async function copy(button) {
  const target = document.getElementById(button.dataset.copy);
  const text = button.dataset.text ?? target?.dataset.raw ?? target?.textContent ?? "";
  try { await navigator.clipboard.writeText(text); } catch { return; }
  button.classList.add("done");
  button.setAttribute("aria-label", "Copied");
  setTimeout(() => { button.classList.remove("done"); button.setAttribute("aria-label", "Copy"); }, 1200);
}

document.addEventListener("click", (event) => {
  const button = event.target.closest?.("[data-copy], [data-text]");
  if (button) copy(button);
});

const dialog = $("#keys");
$("#help").addEventListener("click", () => dialog.showModal());
dialog.addEventListener("click", (event) => { if (event.target === dialog) dialog.close(); });
let chord = 0;
document.addEventListener("keydown", (event) => {
  if (event.key === "Escape" && event.target.id === "search") { event.target.blur(); return; }
  if (typing(event)) return;
  const places = { t: "/", s: "/sessions", m: "/services", i: "/insights" };
  if (Date.now() - chord < 900 && places[event.key]) { location.href = places[event.key]; event.stopImmediatePropagation(); return; }
  chord = event.key === "g" ? Date.now() : 0;
  if (event.key === "?") { dialog.open ? dialog.close() : dialog.showModal(); event.preventDefault(); }
  if (event.key === "/") { $("#search")?.focus(); $("#search")?.select(); event.preventDefault(); }
});
localTimes();
