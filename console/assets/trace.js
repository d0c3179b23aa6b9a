// The page of one trace: loads the rows, keeps them live, chooses spans, answers the keyboard.
import { $, duration, fetchDocument, fetchJson, live, localTimes, swap, throttled, typing } from "./shared.js";
import { Scale, Scrubber } from "./scrubber.js";
import { Tree } from "./tree.js";
import { Waterfall } from "./waterfall.js";

const page = $("#trace");
// The row of the trace itself; the server names it so.
const TRACE = "trace";
const base = `/traces/${page.dataset.id}`;
const panel = $("#panel");
const tree = new Tree();
const scale = new Scale();
const fall = new Waterfall($("#scroll"), $("#grid"), $("#row"), tree, scale);
const scrubber = new Scrubber($("#scrubber"), $("#axis"), $("#lines"), tree, scale, () => fall.draw());
let data = { open: false, end: 1, now: 0 };
let loadedAt = performance.now();
let next = null;
let panelOf = null;

/** The right edge of time: the last known end, and the present while something runs. */
scale.end = () => data.open ? Math.max(data.end, data.now + (performance.now() - loadedAt) * 1000) : data.end;

function prepare(rows, services) {
  for (const row of rows) {
    const service = row.v < 0 ? null : services[row.v];
    row.svc = service?.name ?? "";
    row.v = service ? service.colour : "x";
    row.text = `${row.n} ${row.svc} ${row.t} ${row.x ?? ""}`.toLowerCase();
  }
  return rows;
}

async function load() {
  const got = await fetchJson(`${base}/rows?count=${tree.nodes.length}`);
  loadedAt = performance.now();
  data = got;
  next = got.next;
  scale.total = Math.max(1, scale.end());
  scale.now = got.now;
  tree.reset(prepare(got.rows, got.services));
  fall.chosen = tree.byId.get(chosenInAddress()) ?? tree.nodes[0] ?? null;
  count();
  scrubber.draw();
  fall.draw();
  grow();
  $("#more").hidden = next === null;
}

/** A trace of more spans than one answer holds comes in pieces, as the reader nears the end. */
async function more() {
  if (next === null) return;
  const at = next;
  next = null;
  $("#more").disabled = true;
  try {
    const got = await fetchJson(`${base}/rows?from=${at}`);
    tree.append(prepare(got.rows, got.services));
    next = got.next;
  } catch { next = at; }
  $("#more").disabled = false;
  $("#more").hidden = next === null;
  count();
  scrubber.draw();
  fall.draw();
}

function count() {
  const shown = $("#shown");
  shown.textContent = tree.query.trim() ? `${tree.hits.length} of ${tree.nodes.length}` : next === null ? "" : `${tree.nodes.length} of ${data.total} loaded`;
}

const chosenInAddress = () => new URLSearchParams(location.search).get("span") ?? TRACE;

async function choose(node, { scroll = true, show = true } = {}) {
  if (!node) return;
  const same = fall.chosen === node;
  fall.choose(node, scroll);
  if (!same || chosenInAddress() !== node.i) {
    const address = new URL(location.href);
    if (node.i === TRACE) address.searchParams.delete("span"); else address.searchParams.set("span", node.i);
    history.replaceState(null, "", address);
  }
  if (show) page.classList.add("with-panel");
  if (panelOf !== node.i) await fillPanel(node);
}

let wanted = 0;
let pristine = null;
async function fillPanel(node) {
  const ticket = ++wanted;
  const source = await fetchDocument(`${base}/spans/${node.i}`).catch(() => null);
  if (ticket !== wanted || !source) return;
  const kept = panelOf === node.i;
  const fresh = $("#panel", source);
  // What did not change is not touched, so that a selection in the text and the place in a long output stay.
  if (kept && pristine?.isEqualNode(fresh)) return;
  pristine = fresh.cloneNode(true);
  const open = new Map([...panel.querySelectorAll("details[data-k]")].map((fold) => [fold.dataset.k, fold.open]));
  const top = panel.scrollTop;
  swap(panel, fresh);
  for (const fold of panel.querySelectorAll("details[data-k]")) if (open.has(fold.dataset.k)) fold.open = open.get(fold.dataset.k);
  panel.scrollTop = kept ? top : 0;
  panelOf = panel.dataset.span = node.i;
  localTimes(panel);
}

const refresh = throttled(async () => {
  await load();
  const summary = await fetchDocument(`${base}/summary`);
  swap($("#summary"), $("#summary", summary));
  localTimes($("#summary"));
  if (fall.chosen && page.classList.contains("with-panel")) await fillPanel(fall.chosen);
});

/** While a span is open its bar grows. */
let growing = 0;
function grow() {
  clearInterval(growing);
  if (!data.open) return;
  const rest = matchMedia("(prefers-reduced-motion: reduce)").matches ? 1000 : 80;
  growing = setInterval(() => {
    if (document.hidden) return;
    scale.total = Math.max(1, scale.end());
    scrubber.draw();
    fall.draw();
    const clock = $("#summary [data-grow]");
    if (clock) clock.textContent = duration(scale.end());
  }, rest);
}

$("#grid").addEventListener("click", (event) => {
  const node = fall.nodeAt(event.target);
  if (!node) return;
  if (event.target.closest(".twist")) { tree.fold(node, !tree.folded.has(node.i)); fall.draw(); return; }
  $("#grid").focus({ preventScroll: true });
  choose(node, { scroll: false });
});
$("#grid").addEventListener("dblclick", (event) => { const node = fall.nodeAt(event.target); if (node && event.target.closest(".c-bar")) zoomTo(node); });
page.addEventListener("click", (event) => {
  const link = event.target.closest?.("a[data-span]");
  if (link && !event.ctrlKey && !event.metaKey && !event.shiftKey) { const node = tree.byId.get(link.dataset.span); if (node) { event.preventDefault(); choose(node); } }
  if (event.target.closest?.("#close")) { page.classList.remove("with-panel"); $("#grid").focus({ preventScroll: true }); }
});
$("#more").addEventListener("click", more);
$("#scroll").addEventListener("scroll", () => { const box = $("#scroll"); if (box.scrollTop + 2 * box.clientHeight > box.scrollHeight) more(); }, { passive: true });
$("#fold").addEventListener("click", () => foldAll(true));
$("#unfold").addEventListener("click", () => foldAll(false));
$("#critical").addEventListener("click", (event) => {
  const on = page.classList.toggle("critical");
  event.currentTarget.setAttribute("aria-pressed", String(on));
});

function foldAll(folded) {
  tree.foldAll(folded);
  const chosen = fall.chosen;
  if (chosen && folded) { let up = chosen; while (up.parent && tree.visible[up.pos] !== up) up = up.parent; choose(up); }
  fall.draw();
}

function zoomTo(node) {
  const took = node.d === null ? scale.end() - node.s : node.d;
  scrubber.zoom(node.s - took * 0.05, node.s + took * 1.05);
}

const search = $("#search");
search.addEventListener("input", () => { tree.find(search.value); count(); fall.draw(); });
search.addEventListener("keydown", (event) => {
  if (event.key === "Enter" || event.key === "ArrowDown") { event.preventDefault(); choose(tree.next(fall.chosen, (node) => tree.hit.has(node), event.shiftKey ? -1 : 1)); }
});

const step = (by) => choose(tree.visible[Math.max(0, Math.min(tree.visible.length - 1, (fall.chosen?.pos ?? -1) + by))]);
const aPage = () => Math.max(1, Math.floor($("#scroll").clientHeight / fall.rowHeight) - 3);
const moves = {
  j: () => step(1), ArrowDown: () => step(1), k: () => step(-1), ArrowUp: () => step(-1),
  PageDown: () => step(aPage()), PageUp: () => step(-aPage()),
  Home: () => choose(tree.visible[0]), End: () => choose(tree.visible.at(-1)),
  ArrowRight: () => { const node = fall.chosen; if (node?.kids.length && tree.folded.has(node.i)) { tree.fold(node, false); fall.draw(); } else if (node?.kids.length) choose(node.kids[0]); },
  ArrowLeft: () => { const node = fall.chosen; if (node?.kids.length && !tree.folded.has(node.i)) { tree.fold(node, true); fall.draw(); } else if (node?.parent) choose(node.parent); },
  Enter: () => choose(fall.chosen), " ": () => { if (fall.chosen) { tree.fold(fall.chosen, !tree.folded.has(fall.chosen.i)); fall.draw(); } },
  e: () => choose(tree.next(fall.chosen, (node) => node.e === 2) ?? tree.next(fall.chosen, (node) => node.e)), c: () => choose(tree.next(fall.chosen, (node) => node.c?.length && node.parent)),
  "[": () => foldAll(true), "]": () => foldAll(false), z: () => fall.chosen && zoomTo(fall.chosen),
  Escape: () => { if (scale.zoomed) scrubber.whole(); else page.classList.remove("with-panel"); },
};
document.addEventListener("keydown", (event) => {
  if (typing(event) || $("#keys").open) return;
  const inPanel = panel.contains(event.target) || event.target.closest?.("button, a, summary");
  if (inPanel && !/^[a-z\[\]]$|^Escape$/.test(event.key)) return;
  const act = moves[event.key];
  if (act) { event.preventDefault(); act(); }
});
addEventListener("popstate", () => choose(tree.byId.get(chosenInAddress())));

// The width of the panel is the reader's; it is kept for the next trace.
const grip = $("#grip");
const widths = { get: () => { try { return Number(localStorage.getItem("panel")) || 0; } catch { return 0; } }, set: (px) => { try { localStorage.setItem("panel", String(px)); } catch { /* kept for this page */ } } };
const resize = (px) => { const wide = Math.max(300, Math.min(px, innerWidth - 420)); page.style.setProperty("--panel", `${wide}px`); widths.set(wide); };
if (widths.get()) resize(widths.get());
grip.addEventListener("pointerdown", (event) => { grip.setPointerCapture(event.pointerId); event.preventDefault(); });
grip.addEventListener("pointermove", (event) => { if (grip.hasPointerCapture(event.pointerId)) resize(innerWidth - event.clientX); });
grip.addEventListener("keydown", (event) => { const by = { ArrowLeft: 24, ArrowRight: -24 }[event.key]; if (by) { resize(panel.offsetWidth + by); event.preventDefault(); event.stopPropagation(); } });

await load();
panelOf = panel.dataset.span || null;
if (fall.chosen) {
  const deep = new URLSearchParams(location.search).has("span");
  fall.choose(fall.chosen, deep);
  if (deep || innerWidth > 900) page.classList.add("with-panel");
  if (panelOf !== fall.chosen.i) await fillPanel(fall.chosen);
}
$("#grid").focus({ preventScroll: true });
live(`/events?trace=${page.dataset.id}`, refresh);
document.documentElement.classList.add("ready");
