// The time axis, the whole trace in small above it, and the window of time that the bars show.
import { duration } from "./shared.js";

const SVG = "http://www.w3.org/2000/svg";

/** Which part of the trace is in sight, and where a moment lies in it (0 left, 1 right). */
export class Scale {
  constructor() { this.total = 1; this.now = 0; this.from = 0; this.to = null; this.end = () => this.total; }
  window() { return [this.from, this.to ?? this.total]; }
  x(us) { const [from, to] = this.window(); return (us - from) / Math.max(1, to - from); }
  set(from, to) {
    const least = Math.min(this.total, 20);
    if (to - from < least) { const middle = (from + to) / 2; from = middle - least / 2; to = middle + least / 2; }
    from = Math.max(0, from);
    to = Math.min(this.total, to);
    if (from <= 0 && to >= this.total) { this.from = 0; this.to = null; } else { this.from = from; this.to = to; }
  }
  get zoomed() { return this.to !== null; }
}

export class Scrubber {
  constructor(root, axis, lines, tree, scale, changed) {
    Object.assign(this, { root, axis, lines, tree, scale, changed });
    this.canvas = root.querySelector("canvas");
    this.brush = root.querySelector(".brush");
    this.handles = [...root.querySelectorAll("[role=slider]")];
    this.listen();
    new ResizeObserver(() => this.draw()).observe(root);
    addEventListener("theme", () => this.draw());
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.draw());
  }

  draw() {
    this.drawTicks();
    this.drawBrush();
    this.drawSmall();
  }

  drawTicks() {
    const [from, to] = this.scale.window();
    const width = this.axis.clientWidth || 300;
    const step = niceStep((to - from) / Math.max(2, Math.floor(width / 76)));
    const labels = [], strokes = [];
    for (let at = Math.ceil(from / step) * step; at <= to; at += step) {
      const x = this.scale.x(at);
      const line = document.createElementNS(SVG, "line");
      for (const [name, value] of [["x1", x], ["x2", x]]) line.setAttribute(name, `${(value * 100).toFixed(3)}%`);
      line.setAttribute("y1", "0");
      line.setAttribute("y2", "100%");
      strokes.push(line);
      if (x > 0.94) continue;
      const label = document.createElement("span");
      label.textContent = at === 0 ? "0" : tick(at, step);
      label.style.left = `${x * 100}%`;
      labels.push(label);
    }
    this.axis.replaceChildren(...labels);
    this.lines.replaceChildren(...strokes);
  }

  drawBrush() {
    const [from, to] = this.scale.window();
    const total = Math.max(1, this.scale.total);
    this.brush.style.left = `${(from / total) * 100}%`;
    this.brush.style.width = `${((to - from) / total) * 100}%`;
    this.root.classList.toggle("zoomed", this.scale.zoomed);
    this.handles.forEach((handle, k) => {
      const value = k ? to : from;
      handle.setAttribute("aria-valuenow", String(Math.round((value / total) * 100)));
      handle.setAttribute("aria-valuetext", duration(value));
    });
  }

  drawSmall() {
    const { canvas, tree, scale } = this;
    const width = canvas.clientWidth, height = canvas.clientHeight, dense = devicePixelRatio || 1;
    if (!width) return;
    canvas.width = width * dense;
    canvas.height = height * dense;
    const pen = canvas.getContext("2d");
    pen.scale(dense, dense);
    const colours = this.colours();
    const total = Math.max(1, scale.total), rows = tree.nodes.length, end = scale.end();
    const pitch = Math.min(4, (height - 4) / Math.max(1, rows)), thick = Math.max(1, pitch * 0.7);
    for (const node of tree.nodes) {
      const from = (node.s / total) * width, long = ((node.d === null ? end - node.s : node.d) / total) * width;
      pen.fillStyle = node.e ? colours.red : colours.services.get(node.v) ?? colours.plain;
      pen.globalAlpha = node.kids.length && !node.e ? 0.4 : 0.95;
      pen.fillRect(from, 2 + node.at * pitch, Math.max(1, long), thick);
    }
  }

  colours() {
    const read = (name) => { const probe = document.createElement("i"); probe.className = name; this.root.append(probe); const colour = getComputedStyle(probe).backgroundColor; probe.remove(); return colour; };
    const services = new Map();
    for (const node of this.tree.nodes) if (!services.has(node.v)) services.set(node.v, read(`ink v${node.v}`));
    return { services, red: read("ink red"), plain: read("ink") };
  }

  listen() {
    const at = (event) => { const box = this.canvas.getBoundingClientRect(); return Math.max(0, Math.min(1, (event.clientX - box.left) / box.width)) * this.scale.total; };
    let drag = null;
    this.root.addEventListener("pointerdown", (event) => {
      if (event.button) return;
      const [from, to] = this.scale.window();
      const where = at(event), handle = this.handles.indexOf(event.target);
      drag = handle >= 0 ? { edge: handle, from, to } : this.scale.zoomed && where > from && where < to ? { pan: where, from, to } : { start: where };
      this.root.setPointerCapture(event.pointerId);
    });
    this.root.addEventListener("pointermove", (event) => {
      if (!drag) return;
      const where = at(event);
      if (drag.edge === 0) this.zoom(Math.min(where, drag.to), drag.to);
      else if (drag.edge === 1) this.zoom(drag.from, Math.max(where, drag.from));
      else if (drag.pan !== undefined) {
        const shift = Math.max(-drag.from, Math.min(this.scale.total - drag.to, where - drag.pan));
        this.zoom(drag.from + shift, drag.to + shift);
      } else if (Math.abs(where - drag.start) > this.scale.total / 200) this.zoom(Math.min(where, drag.start), Math.max(where, drag.start));
    });
    for (const end of ["pointerup", "pointercancel"]) this.root.addEventListener(end, () => { drag = null; });
    this.root.addEventListener("dblclick", () => this.whole());
    this.root.addEventListener("keydown", (event) => {
      const edge = this.handles.indexOf(event.target);
      const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
      if (edge < 0 || !step) return;
      const [from, to] = this.scale.window(), by = (step * this.scale.total) / 50;
      this.zoom(edge ? from : Math.min(from + by, to), edge ? Math.max(to + by, from) : to);
      event.preventDefault();
      event.stopPropagation();
    });
  }

  zoom(from, to) { this.scale.set(from, to); this.drawTicks(); this.drawBrush(); this.changed(); }
  whole() { this.zoom(0, this.scale.total); }
}

function niceStep(raw) {
  const unit = 10 ** Math.floor(Math.log10(Math.max(1, raw)));
  return [1, 2, 5, 10].find((factor) => factor * unit >= raw) * unit;
}

/** A tick needs no more digits than its distance to the next one. */
function tick(us, step) {
  const [unit, name] = us >= 1e6 ? [1e6, "s"] : us >= 1000 ? [1000, "ms"] : [1, "µs"];
  if (us >= 60e6) return duration(us);
  const digits = Math.max(0, Math.ceil(-Math.log10(step / unit) - 1e-9));
  return `${(us / unit).toFixed(Math.min(3, digits))} ${name}`;
}
