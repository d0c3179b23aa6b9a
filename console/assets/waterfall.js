// Draws the tree and its bars. Only the rows in sight exist as elements, so ten thousand spans cost what forty do.
import { count, duration } from "./shared.js";
import { ownTime } from "./tree.js";

const SVG = "http://www.w3.org/2000/svg";
const INDENT = 16;
const SPARE = 8;

export class Waterfall {
  constructor(scroller, grid, template, tree, scale) {
    Object.assign(this, { scroller, grid, template, tree, scale });
    this.rows = $rows(grid);
    this.pool = [];
    this.chosen = null;
    this.rowHeight = 30;
    this.queued = false;
    scroller.addEventListener("scroll", () => this.draw(), { passive: true });
    new ResizeObserver(() => this.draw()).observe(scroller);
  }

  /** Draws at the next frame, however often it is called before. */
  draw() {
    if (this.queued) return;
    this.queued = true;
    requestAnimationFrame(() => { this.queued = false; this.paint(); });
  }

  paint() {
    const { visible } = this.tree;
    const height = this.rowHeight = parseFloat(getComputedStyle(this.grid).getPropertyValue("--row")) || 30;
    const top = Math.max(0, this.scroller.scrollTop - this.headHeight());
    const first = Math.max(0, Math.floor(top / height) - SPARE);
    const last = Math.min(visible.length, Math.ceil((top + this.scroller.clientHeight) / height) + SPARE);
    this.rows.style.height = `${visible.length * height}px`;
    this.grid.setAttribute("aria-rowcount", String(visible.length));
    while (this.pool.length < last - first) this.pool.push(this.make());
    this.pool.forEach((row, k) => {
      const node = visible[first + k];
      row.root.hidden = k >= last - first;
      if (!row.root.hidden) this.fill(row, node, first + k);
    });
    if (this.chosen && this.chosen.pos >= first && this.chosen.pos < last) this.grid.setAttribute("aria-activedescendant", `row-${this.chosen.i}`);
    else this.grid.removeAttribute("aria-activedescendant");
  }

  headHeight() { return this.grid.offsetTop; }

  make() {
    const root = this.template.content.firstElementChild.cloneNode(true);
    const part = (name) => root.querySelector(name);
    const row = { root, guides: part(".g"), hot: part(".ge"), lines: part(".guides"), twist: part(".twist"), kind: part(".kind use"), icon: part(".kind"), name: part(".nm"), marks: part(".mk"),
      service: part(".c-svc span"), tokens: part(".c-tok"), self: part(".c-self"), time: part(".c-dur"), whole: part(".whole"), own: part(".own"), critical: part(".crit") };
    this.rows.append(root);
    return row;
  }

  fill(row, node, pos) {
    const { root } = row;
    const chosen = node === this.chosen;
    const end = this.scale.end();
    const took = node.d === null ? Math.max(0, end - node.s) : node.d;
    root.id = `row-${node.i}`;
    root.style.transform = `translateY(${pos * this.rowHeight}px)`;
    root.style.setProperty("--depth", String(Math.min(node.depth, 40)));
    root.className = `row v${node.v}${chosen ? " chosen" : ""}${node.e ? " error" : ""}${node.w ? " way" : ""}${node.d === null ? " open" : ""}${this.tree.hit.has(node) ? " hit" : ""}${this.tree.hits.length && !this.tree.hit.has(node) ? " miss" : ""}`;
    root.setAttribute("aria-level", String(node.depth + 1));
    root.setAttribute("aria-rowindex", String(pos + 1));
    root.setAttribute("aria-selected", String(chosen));
    const folded = this.tree.folded.has(node.i);
    if (node.kids.length) root.setAttribute("aria-expanded", String(!folded)); else root.removeAttribute("aria-expanded");
    row.twist.hidden = !node.kids.length;
    row.twist.classList.toggle("turned", !folded);
    this.guides(row, node);
    row.kind.setAttribute("href", `#i-${node.t}`);
    row.icon.setAttribute("aria-label", node.t);
    row.name.textContent = node.n;
    marks(row.marks, node, folded);
    row.service.textContent = node.svc;
    row.tokens.textContent = node.k ? count(node.k) : "";
    row.self.textContent = node.kids.length && node.t !== "trace" ? duration(selfTime(node, end)) : "";
    row.time.textContent = duration(took);
    this.bars(row, node, took, end);
  }

  /** Connector lines: a stroke down for every ancestor with a later child, an elbow to the node; red on the way to an error. */
  guides(row, node) {
    const height = this.rowHeight, middle = height / 2;
    const depth = Math.min(node.depth, 40);
    let plain = "", hot = "";
    let below = node;
    for (let up = node.parent, level = depth - 1; up && level >= 0; below = up, up = up.parent, level--) {
      const x = level * INDENT + 8.5;
      const later = up.kids[up.kids.length - 1] !== below;
      const laterHot = later && up.kids.some((kid) => kid.at > below.at && (kid.w || kid.e === 2));
      const elbow = below === node ? `M${x} 0V${middle - 4}q0 4 4 4h4.5` : "";
      const isHot = below === node && (node.w || node.e === 2);
      if (later) { if (laterHot) hot += `M${x} 0V${height}`; else plain += `M${x} 0V${height}`; }
      if (elbow) { if (isHot) hot += elbow; else plain += elbow; }
    }
    row.lines.setAttribute("width", String(depth * INDENT));
    row.guides.setAttribute("d", plain);
    row.hot.setAttribute("d", hot);
  }

  bars(row, node, took, end) {
    const { scale } = this;
    const bar = (rect, from, to, y, h, least) => {
      const a = Math.max(-0.01, scale.x(from)), b = Math.min(1.01, scale.x(to));
      const off = b < 0 || a > 1 || b < a;
      rect.setAttribute("x", `${(a * 100).toFixed(3)}%`);
      rect.setAttribute("width", off ? "0" : `${Math.max((b - a) * 100, least).toFixed(3)}%`);
      rect.setAttribute("y", String(y));
      rect.setAttribute("height", String(h));
    };
    bar(row.whole, node.s, node.s + took, 9, 12, 0.3);
    const own = node.t === "trace" ? [] : node.kids.length ? ownTime(node, end) : [[node.s, node.s + took]];
    parts(row.own, own.length > 60 ? own.slice(0, 60) : own, (rect, [from, to]) => bar(rect, from, to, 9, 12, own.length === 1 ? 0.3 : 0));
    // The path of what still runs ends at the present, which has moved on since the server drew it.
    parts(row.critical, node.c ?? [], (rect, [from, to]) => bar(rect, from, node.d === null && to >= this.scale.now - 1 ? end : to, 23, 2, 0.15));
  }

  /** Chooses a node and brings it into sight. */
  choose(node, scroll = true) {
    this.chosen = node;
    if (node && scroll) {
      this.tree.reveal(node);
      const top = node.pos * this.rowHeight, room = this.scroller.clientHeight - this.headHeight();
      const from = this.scroller.scrollTop;
      if (top < from) this.scroller.scrollTop = Math.max(0, top - this.rowHeight);
      else if (top + this.rowHeight > from + room) this.scroller.scrollTop = top + 2 * this.rowHeight - room;
    }
    this.draw();
  }

  nodeAt(target) {
    const row = target.closest?.(".row");
    return row ? this.tree.byId.get(row.id.slice(4)) ?? null : null;
  }
}

const $rows = (grid) => grid.querySelector(".rows");

const selfTime = (node, end) => node.d === null || node.f === null ? ownTime(node, end).reduce((sum, [from, to]) => sum + to - from, 0) : node.f;

/** Keeps as many rectangles in `group` as there are parts. */
function parts(group, list, place) {
  while (group.childElementCount > list.length) group.lastElementChild.remove();
  while (group.childElementCount < list.length) {
    const rect = document.createElementNS(SVG, "rect");
    rect.setAttribute("rx", "1");
    group.append(rect);
  }
  list.forEach((part, k) => place(group.children[k], part));
}

function marks(slot, node, folded) {
  const words = [];
  if (node.d === null) words.push(["run", "running"]);
  if (node.e) words.push(["err", node.x || "error"]);
  if (node.h) words.push(["hit", "cached"]);
  if (node.b) words.push(["stray", node.b]);
  if (node.r > 1) words.push(["note", `try ${node.r}`]);
  if (folded) words.push(["note", `+${descendants(node)}`]);
  const key = words.join("|");
  if (slot.dataset.key === key) return;
  slot.dataset.key = key;
  slot.replaceChildren(...words.map(([kind, text]) => { const mark = document.createElement("span"); mark.className = `m-${kind}`; mark.textContent = text; return mark; }));
}

function descendants(node) {
  let total = 0;
  const stack = [...node.kids];
  while (stack.length) { const kid = stack.pop(); total++; stack.push(...kid.kids); }
  return total;
}
