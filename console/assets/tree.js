// The spans of one trace as a tree that can be folded and searched. Knows nothing of the page.
// Rows arrive in drawing order, each before its descendants, so a long trace can come in pieces.

export class Tree {
  constructor() {
    this.nodes = [];
    this.byId = new Map();
    this.visible = [];
    this.folded = new Set();
    this.query = "";
    this.hits = [];
  }

  /** Takes the rows of a whole trace again; what was folded stays folded. */
  reset(rows) {
    this.nodes = [];
    this.byId.clear();
    this.append(rows);
  }

  append(rows) {
    for (const row of rows) {
      const parent = row.p === null ? null : this.byId.get(row.p) ?? null;
      const node = { ...row, parent, kids: [], depth: parent ? parent.depth + 1 : 0, at: this.nodes.length };
      parent?.kids.push(node);
      this.nodes.push(node);
      this.byId.set(row.i, node);
    }
    this.layout();
  }

  /** Recomputes which rows are drawn: those without a folded ancestor. */
  layout() {
    const out = [];
    let skip = Infinity;
    for (const node of this.nodes) {
      if (node.depth > skip) continue;
      skip = Infinity;
      node.pos = out.length;
      out.push(node);
      if (node.kids.length && this.folded.has(node.i)) skip = node.depth;
    }
    this.visible = out;
    this.find(this.query);
  }

  fold(node, folded) {
    if (!node.kids.length) return;
    if (folded) this.folded.add(node.i); else this.folded.delete(node.i);
    this.layout();
  }

  foldAll(folded) {
    this.folded = new Set(folded ? this.nodes.filter((node) => node.kids.length && node.depth > 0).map((node) => node.i) : []);
    this.layout();
  }

  /** Unfolds what hides the node. */
  reveal(node) {
    let hidden = false;
    for (let up = node.parent; up; up = up.parent) hidden = this.folded.delete(up.i) || hidden;
    if (hidden) this.layout();
  }

  find(query) {
    this.query = query;
    const words = query.trim().toLowerCase().split(/\s+/).filter(Boolean);
    this.hits = words.length ? this.nodes.filter((node) => words.every((word) => node.text.includes(word))) : [];
    this.hit = new Set(this.hits);
  }

  /** The next node after `from` for which `test` holds, folded ones included, from the start again at the end. */
  next(from, test, step = 1) {
    const start = from ? from.at : -1;
    const total = this.nodes.length;
    for (let k = 1; k <= total; k++) {
      const node = this.nodes[(((start + step * k) % total) + total) % total];
      if (test(node)) return node;
    }
    return null;
  }
}

/** The stretches of a span in which none of its children ran: its own work. Cached on the node. */
export function ownTime(node, end) {
  if (node.own && node.ownEnd === end && node.ownKids === node.kids.length) return node.own;
  const stop = node.d === null ? end : node.s + node.d;
  const own = [];
  let from = node.s;
  for (const kid of node.kids) {
    const until = kid.d === null ? end : kid.s + kid.d;
    if (kid.s >= stop) continue;
    if (kid.s > from) own.push([from, kid.s]);
    if (until > from) from = until;
  }
  if (from < stop) own.push([from, stop]);
  node.own = own;
  node.ownEnd = end;
  node.ownKids = node.kids.length;
  return own;
}
