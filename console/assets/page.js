// Pages without a tree: kept up to date by fetching themselves again when something changed, replaced only where they differ.
import { $, fetchDocument, live, localTimes, swap, throttled, typing } from "./shared.js";

const area = $("#swap");
if (area?.dataset.live) {
  let pristine = null;
  const refresh = throttled(async () => {
    const source = $("#swap", await fetchDocument(location.href));
    // The address shows another page now: what it waited for has arrived.
    if (!source) { location.reload(); return; }
    if (pristine?.isEqualNode(source)) return;
    pristine = source.cloneNode(true);
    const open = [...area.querySelectorAll("details")].map((fold) => fold.open);
    const place = area.contains(document.activeElement) ? [...area.querySelectorAll("a, summary, button")].indexOf(document.activeElement) : -1;
    swap(area, source);
    area.querySelectorAll("details").forEach((fold, k) => { if (k < open.length) fold.open = open[k]; });
    if (place >= 0) area.querySelectorAll("a, summary, button")[place]?.focus({ preventScroll: true });
    localTimes(area);
  }, Number(area.dataset.rest) || 1000);
  live(area.dataset.live, refresh);
  // What arrived between the page and the stream.
  refresh();
}

// j and k walk the links of a list.
document.addEventListener("keydown", (event) => {
  const step = { j: 1, ArrowDown: 1, k: -1, ArrowUp: -1 }[event.key];
  const links = [...document.querySelectorAll(".sessions a, .turn footer a, .links a, .cmp td a, .node")];
  if (typing(event) || !step || !links.length) return;
  const at = links.indexOf(document.activeElement);
  const next = links[Math.max(0, Math.min(links.length - 1, at + step))];
  next.focus();
  event.preventDefault();
});
document.documentElement.classList.add("ready");
