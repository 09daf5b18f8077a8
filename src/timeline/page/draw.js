// How a moment of a run looks: the queue as dots, the workers as lanes, the figures below them.

import { WINDOW } from "./model.js";

const SVG = "http://www.w3.org/2000/svg";
const MOST_BOXES = 12;
const MOST_ROWS = 8;
const MOST_RECTS = 800;
const REDUCED = matchMedia("(prefers-reduced-motion: reduce)");

function make(name, attributes = {}, text) {
  const element = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  if (text !== undefined) element.textContent = text;
  return element;
}

/** Give a picture the width of its place, in units that grow with the text. */
function frame(svg, height) {
  const unit = parseFloat(getComputedStyle(document.documentElement).fontSize) / 16;
  const width = Math.max(svg.clientWidth / unit, 280);
  svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
  svg.style.height = `${height * unit}px`;
  return width;
}

function cut(text, width) {
  const most = Math.max(4, Math.floor(width / 6.6));
  return text.length > most ? `${text.slice(0, most - 1)}…` : text;
}

export function seconds(value) {
  if (value === null || value === undefined) return "unknown";
  return value < 9.95 ? `${value.toFixed(1)} s` : `${value.toFixed(0)} s`;
}

/** The colour of a client by how much of its patience is used up. */
function mood(connection, at, limit) {
  if ((connection.left ?? Infinity) <= at) return "gone";
  const used = (at - connection.queued) / limit;
  return used < 0.5 ? "young" : used < 0.85 ? "half" : "late";
}

/** First come, first at the right; smaller where there are many. */
function place(waiting, area) {
  const pitch = [30, 22, 17, 12, 8, 6].find((pitch) => Math.floor(area.height / pitch) * Math.floor(area.right / pitch) >= waiting.length) ?? 4;
  const rows = Math.max(1, Math.floor(area.height / pitch));
  const places = new Map();
  for (const [i, connection] of waiting.entries()) {
    const x = area.right - pitch / 2 - Math.floor(i / rows) * pitch;
    const y = area.top + pitch / 2 + (i % rows) * pitch;
    places.set(connection.key, { connection, x, y, r: pitch * 0.36 });
  }
  return places;
}

/** The requests that wait before the front end for a container. */
export class HeldPicture {
  constructor(svg) {
    this.svg = svg;
  }

  draw({ held, count }, at, limit) {
    const width = frame(this.svg, 94);
    const children = [make("text", { x: width - 8, y: 17, "text-anchor": "end", class: "faint" }, "go when a container serves →")];
    for (const { connection, x, y, r } of place(held, { right: width - 8, top: 26, height: 66 }).values())
      children.push(make("circle", { cx: x, cy: y, r, class: mood(connection, at, limit) }));
    this.svg.replaceChildren(...children);
    this.svg.dataset.held = String(count);
    this.svg.dataset.drawn = String(held.length);
  }
}

/** The queue between clients and workers. Dots are kept from one drawing to the next, and move. */
export class QueuePicture {
  constructor(svg) {
    this.svg = svg;
    this.boxes = svg.appendChild(make("g"));
    this.layer = svg.appendChild(make("g"));
    this.dots = new Map();
  }

  draw(run, at, limit, slot) {
    const waiting = run.queue(at, slot);
    const lanes = run.lanes(at, slot).filter(({ worker }) => (worker.died ?? Infinity) > at);
    const shown = lanes.slice(0, MOST_BOXES);
    const isWide = this.svg.clientWidth >= 640;
    const boxesHeight = Math.max(shown.length, 1) * 48 + 8;
    const dotsHeight = isWide ? Math.max(boxesHeight, 168) : 150;
    const width = frame(this.svg, isWide ? dotsHeight + 26 : dotsHeight + boxesHeight + 34);
    const area = { right: isWide ? width - 250 : width - 8, top: 26, height: dotsHeight - 8 };
    const places = place(waiting, area);
    const box = { left: isWide ? width - 226 : 8, top: isWide ? 24 : dotsHeight + 30, width: isWide ? 218 : width - 16 };
    this.drawBoxes(shown, lanes.length, box, at, width, isWide);
    for (const [i, { requests }] of shown.entries()) {
      const running = requests.filter((request) => (request.ended ?? Infinity) > at);
      for (const [j, request] of running.slice(0, 8).entries()) {
        const connection = run.connections.get(request.connection);
        if (connection) places.set(connection.key, { connection, x: box.left + box.width - 18 - j * 18, y: box.top + i * 48 + 28, r: 7, served: request });
      }
    }
    this.move(places, at, limit);
    this.svg.dataset.dots = String(waiting.length);
    this.svg.dataset.gone = String(waiting.filter((one) => (one.left ?? Infinity) <= at).length);
    this.svg.dataset.served = String(places.size - waiting.length);
    return waiting;
  }

  drawBoxes(lanes, all, box, at, width, isWide) {
    const children = [make("text", { x: 8, y: 17, class: "faint" }, "clients come →")];
    const next = isWide ? box.left - 16 : width - 8;
    children.push(make("text", { x: next, y: 17, "text-anchor": "end", class: "faint" }, isWide ? "next →" : "next ↓"));
    if (isWide) children.push(make("text", { x: box.left, y: 17, class: "faint" }, "workers"));
    for (const [i, { worker, requests }] of lanes.entries()) {
      const running = requests.filter((request) => (request.ended ?? Infinity) > at);
      const y = box.top + i * 48;
      const oldest = running[0];
      const does = oldest ? `${oldest.text || "reading"} for ${seconds(at - oldest.began)}` : "idle";
      const more = running.length > 1 ? ` +${running.length - 1}` : "";
      children.push(make("rect", { x: box.left, y, width: box.width, height: 42, rx: 5, class: running.length ? "box busy" : "box" }));
      children.push(make("text", { x: box.left + 8, y: y + 17 }, `worker ${worker.pid}`));
      const room = box.width - 24 - 18 * Math.min(running.length, 8);
      children.push(make("text", { x: box.left + 8, y: y + 34, class: "faint" }, cut(does + more, Math.max(room, 90))));
    }
    if (lanes.length === 0) children.push(make("text", { x: box.left + 8, y: box.top + 20, class: "faint" }, "no worker"));
    if (all > lanes.length) children.push(make("text", { x: box.left + box.width, y: 17, "text-anchor": "end", class: "faint" }, `and ${all - lanes.length} more`));
    this.boxes.replaceChildren(...children);
  }

  move(places, at, limit) {
    for (const [key, dot] of this.dots)
      if (!places.has(key)) {
        dot.remove();
        this.dots.delete(key);
      }
    for (const [key, { connection, x, y, r, served }] of places) {
      let dot = this.dots.get(key);
      const transform = `translate(${x}px, ${y}px) scale(${r})`;
      if (!dot) {
        dot = this.layer.appendChild(make("g", { class: "dot" }));
        dot.append(make("circle", { r: 1, "vector-effect": "non-scaling-stroke" }));
        dot.append(make("path", { d: "M-.55 -.55L.55 .55M.55 -.55L-.55 .55", class: "cross", "vector-effect": "non-scaling-stroke" }));
        if (!served && !REDUCED.matches) {
          dot.style.transform = `translate(-10px, ${y}px) scale(${r})`;
          dot.getBoundingClientRect();
        }
        this.dots.set(key, dot);
      }
      const isGone = (connection.left ?? Infinity) <= at;
      const looks = isGone ? "gone" : served ? "young" : mood(connection, at, limit);
      dot.firstChild.setAttribute("class", looks);
      dot.lastChild.style.visibility = isGone ? "visible" : "hidden";
      dot.style.transform = transform;
    }
  }
}

/** The last minute: lanes, and on the same axis the queue, memory and pressure. */
export class LanesPicture {
  constructor(svg) {
    this.svg = svg;
    const hatch = make("pattern", { id: "hatch", width: 6, height: 6, patternUnits: "userSpaceOnUse", patternTransform: "rotate(45)" });
    hatch.append(make("line", { x1: 0, y1: 0, x2: 0, y2: 6, class: "hatch" }));
    const defs = svg.appendChild(make("defs"));
    defs.append(hatch);
    this.layer = svg.appendChild(make("g"));
    this.drawn = [];
  }

  draw(run, at, slot, chosen) {
    const lanes = run.lanes(at, slot);
    const heights = lanes.map(({ rows }) => 22 + Math.min(rows, MOST_ROWS) * (rows > 1 ? 13 : 20));
    const memory = run.memory.filter((sample) => inWindow(sample, at, slot));
    const pressure = memory.filter((sample) => Math.max(sample.memory_pressure ?? 0, sample.processor_pressure ?? 0) > 1);
    const holding = run.holdingWithin(at, slot);
    const charts = 96 + (holding.length ? 96 : 0) + (memory.length ? 72 : 0) + (pressure.length ? 72 : 0);
    const height = heights.reduce((sum, one) => sum + one, 8) + charts + 26;
    const width = frame(this.svg, height);
    const x = (time) => Math.max(0, Math.min(width, ((time - at) / WINDOW + 1) * width));
    const children = [];
    this.drawn = [];
    let top = 4;
    for (const [i, lane] of lanes.entries()) {
      this.lane(children, run, lane, { top, height: heights[i], x, at, width, chosen });
      top += heights[i];
    }
    this.marks(children, run, { top, x, at, slot });
    if (holding.length) top = queueChart(children, holding, { top, x, at, width, title: "held by the front end", css: "held-area" });
    const looks = run.looks.filter((look) => inWindow(look, at, slot));
    top = queueChart(children, looks, { top, x, at, width, title: "accept queue", css: "queue-area", note: "; grey: clients gone" });
    if (memory.length) top = lineChart(children, memory, { top, x, at, title: "memory of the workers", of: (one) => one.resident / 1048576, unit: "MiB", css: "memory-line" });
    if (pressure.length) top = lineChart(children, memory, { top, x, at, title: "waiting for memory or a processor", of: (one) => Math.max(one.memory_pressure ?? 0, one.processor_pressure ?? 0), unit: "%", css: "pressure-line", least: 10 });
    for (let ago = 0; ago < WINDOW; ago += width < 500 ? 20 : 10) {
      const anchor = ago === 0 ? "end" : "middle";
      children.push(make("text", { x: x(at - ago) - (ago ? 0 : 4), y: top + 16, "text-anchor": anchor, class: "faint" }, ago ? `−${ago} s` : "now"));
    }
    this.layer.replaceChildren(...children);
    this.svg.dataset.requests = String(this.drawn.length);
  }

  lane(children, run, { worker, requests, rows }, { top, height, x, at, width, chosen }) {
    const death = worker.died !== undefined && worker.died <= at ? `, ended by ${worker.by} (${worker.how})` : "";
    children.push(make("text", { x: 6, y: top + 14 }, cut(`worker ${worker.pid}${death}`, width)));
    children.push(make("line", { x1: x(worker.born), x2: x(worker.died ?? at), y1: top + height - 1, y2: top + height - 1, class: "axis" }));
    const step = rows > 1 ? 13 : 20;
    for (const request of requests.slice(-MOST_RECTS)) {
      const left = x(request.began);
      const end = Math.min(request.ended ?? at, at);
      const isOver = request.ended !== undefined && request.ended <= at;
      const failed = isOver && (request.status === null || request.status >= 500);
      const place = { x: left, y: top + 19 + (request.row % MOST_ROWS) * step, width: Math.max(x(end) - left - 0.8, 1.5), height: step - 3 };
      const css = `request${failed ? " failed" : ""}${isOver ? "" : " running"}${request.key === chosen ? " chosen" : ""}`;
      children.push(make("rect", { ...place, class: css, "data-key": request.key }));
      this.drawn.push(request);
      const gone = run.connections.get(request.connection)?.left;
      if (gone !== undefined && gone < end) {
        const from = x(Math.max(gone, request.began));
        children.push(make("rect", { ...place, x: from, width: Math.max(x(end) - from - 0.8, 1.5), class: "wasted" }));
      }
      if (place.width > 66) children.push(make("text", { x: place.x + 5, y: place.y + step - 8, "pointer-events": "none" }, cut(request.text, place.width - 6)));
    }
    if (death) children.push(make("path", { d: `M${x(worker.died) - 5} ${top + 22}l10 10m0 -10l-10 10`, class: "death" }));
  }

  marks(children, run, { top, x, at, slot }) {
    const kinds = ["platform", "lever", "death", "held"];
    for (const mark of run.told)
      if (kinds.includes(mark.kind) && inWindow(mark, at, slot)) {
        const line = make("line", { x1: x(mark.at), x2: x(mark.at), y1: 0, y2: top + 88, class: "mark" });
        line.append(make("title", {}, mark.text));
        children.push(line);
      }
  }
}

function inWindow(event, at, slot) {
  const isOf = !slot || !event.slot || event.slot === slot;
  return isOf && event.at <= at && event.at > at - WINDOW;
}

function queueChart(children, looks, { top, x, at, width, title, css, note = "" }) {
  const most = Math.max(4, ...looks.map((look) => look.waiting ?? 0));
  const [high, floor] = [60, top + 86];
  const area = (of) => {
    let path = "";
    for (const [i, look] of looks.entries()) {
      const y = floor - (of(look) / most) * high;
      const until = x(looks[i + 1]?.at ?? at);
      path += `${i ? "L" : `M${x(look.at)} ${floor}L`}${x(look.at)} ${y}L${until} ${y}`;
    }
    return path && `${path}L${x(at)} ${floor}Z`;
  };
  children.push(make("text", { x: 6, y: top + 17 }, title));
  children.push(make("text", { x: width - 4, y: top + 17, "text-anchor": "end", class: "faint" }, `up to ${most}${note}`));
  children.push(make("path", { d: area((look) => look.waiting ?? 0), class: css }));
  children.push(make("path", { d: area((look) => Math.min(look.left ?? 0, look.waiting ?? 0)), class: "left-area" }));
  children.push(make("line", { x1: 0, x2: width, y1: floor, y2: floor, class: "axis" }));
  return top + 96;
}

function lineChart(children, samples, { top, x, title, of, unit, css, least = 1 }) {
  const most = Math.max(least, ...samples.map(of));
  const points = samples.map((one) => `${x(one.at).toFixed(1)},${(top + 64 - (of(one) / most) * 38).toFixed(1)}`);
  const last = of(samples.at(-1));
  children.push(make("text", { x: 6, y: top + 17 }, `${title}: ${last.toFixed(0)} ${unit}`));
  children.push(make("polyline", { points: points.join(" "), class: css }));
  return top + 72;
}
