// The list of traces: stays live without a reload, filters apply as they change, j and k walk the rows.
import { $, duration, fetchDocument, live, localTimes, swap, throttled, typing } from "./shared.js";

const form = $("#filters");
let chosen = null;
let shown = new Map();

const rowsOf = (from) => [...from.querySelectorAll("#rows > tr")];
const remember = (rows) => { shown = new Map(rows.map((row) => [row.dataset.id, row.outerHTML])); };

/** Brings the table up to `next`, touching only rows that changed, so that selection, focus and hover stay. */
function merge(next) {
  const body = $("#rows");
  const fresh = $("#rows", next);
  if (!body || !fresh) { swap($("#swap"), $("#swap", next)); remember(rowsOf(next)); localTimes($("#swap")); return; }
  const old = new Map(rowsOf(document).map((row) => [row.dataset.id, row]));
  const incoming = rowsOf(next);
  const before = shown;
  remember(incoming);
  let at = body.firstElementChild;
  for (const source of incoming) {
    const id = source.dataset.id;
    let row = old.get(id);
    old.delete(id);
    if (!row || before.get(id) !== shown.get(id)) {
      const made = document.importNode(source, true);
      if (!row) made.classList.add("fresh");
      localTimes(made);
      if (row) { const focused = row.contains(document.activeElement); if (at === row) at = made; row.replaceWith(made); if (focused) $("a", made).focus(); }
      row = made;
    }
    if (row === at) at = at.nextElementSibling; else body.insertBefore(row, at);
  }
  for (const row of old.values()) row.remove();
  swap($(".pager"), $(".pager", next));
  mark();
}

function mark() {
  for (const row of rowsOf(document)) row.toggleAttribute("aria-current", row.dataset.id === chosen);
}

function move(step) {
  const rows = rowsOf(document);
  const from = rows.findIndex((row) => row.dataset.id === chosen);
  const to = rows[Math.max(0, Math.min(rows.length - 1, from < 0 ? 0 : from + step))];
  if (!to) return;
  chosen = to.dataset.id;
  mark();
  to.scrollIntoView({ block: "nearest" });
  $("a", to).focus({ preventScroll: true });
}

const refresh = throttled(async () => merge(await fetchDocument(location.href)), 250);

async function filter() {
  const query = new URLSearchParams(new FormData(form));
  for (const [key, value] of [...query]) if (value === "") query.delete(key);
  const text = query.toString();
  history.replaceState(null, "", text ? `/?${text}` : "/");
  const next = await fetchDocument(location.href);
  swap($("#swap"), $("#swap", next));
  remember(rowsOf(next));
  localTimes($("#swap"));
  for (const pick of form.querySelectorAll(".pick")) pick.classList.toggle("set", $("select", pick).value !== "");
}

form.addEventListener("submit", (event) => { event.preventDefault(); filter(); });
form.addEventListener("change", filter);
document.addEventListener("click", (event) => { const more = $(".more"); if (more.open && !more.contains(event.target)) more.open = false; });
let typed = 0;
$("#search").addEventListener("input", () => { clearTimeout(typed); typed = setTimeout(filter, 220); });
document.addEventListener("keydown", (event) => {
  if (event.target.id === "search" && (event.key === "ArrowDown" || event.key === "Enter")) { event.preventDefault(); if (event.key === "Enter") filter(); move(0); return; }
  if (typing(event)) return;
  if (event.key === "j" || event.key === "ArrowDown") { move(1); event.preventDefault(); }
  if (event.key === "k" || event.key === "ArrowUp") { move(-1); event.preventDefault(); }
  if (event.key === "Enter" && chosen && event.target === document.body) $(`#rows > tr[data-id="${CSS.escape(chosen)}"] a`)?.click();
});
document.addEventListener("focusin", (event) => { const row = event.target.closest?.("#rows > tr"); if (row) { chosen = row.dataset.id; mark(); } });

remember(rowsOf(document));
setInterval(() => { for (const cell of document.querySelectorAll("[data-since]")) cell.textContent = duration(Math.max(0, Date.now() - Number(cell.dataset.since)) * 1000); }, 200);
live("/events", refresh);
document.documentElement.classList.add("ready");
