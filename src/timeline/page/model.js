// What the events say, and how it was at any moment. No drawing, no network.

/** Seconds that the lanes show. */
export const WINDOW = 60;
/** Seconds that a live page remembers. */
const KEPT = 180;

/** One run: every connection, request and worker that was told of. */
export class Run {
  constructor() {
    this.connections = new Map();
    this.requests = new Map();
    this.workers = new Map();
    /** Requests that a front end holds or has held, and how many it held at each event. */
    this.held = new Map();
    this.holding = [];
    this.episodes = new Map();
    this.looks = [];
    this.memory = [];
    this.told = [];
    this.pulled = [];
    this.slots = new Set();
    this.first = null;
    this.last = null;
  }

  /** Take one event. */
  apply(event) {
    const { at } = event;
    this.first = Math.min(this.first ?? at, at);
    this.last = Math.max(this.last ?? at, at);
    if (event.slot) this.slots.add(event.slot);
    // Numbers are those of one pool.
    const of = (number) => `${event.slot ?? ""}|${event.pool ?? 0}|${number}`;
    const take = HANDLERS[event.kind];
    if (take) take(this, event, of);
  }

  /** Forget what is too old to be drawn. */
  prune(now) {
    const old = now - KEPT;
    for (const map of [this.connections, this.requests, this.held])
      for (const [key, value] of map) if ((value.over ?? value.ended ?? now) < old) map.delete(key);
    for (const [key, worker] of this.workers) if ((worker.died ?? now) < old) this.workers.delete(key);
    for (const list of [this.looks, this.memory, this.holding]) {
      const keep = list.findIndex((entry) => entry.at >= old);
      if (keep > 0) list.splice(0, keep - 1);
    }
    if (this.told.length > 300) this.told.splice(0, this.told.length - 300);
  }

  /** The last look at or before that moment. */
  look(at, slot) {
    for (let i = this.looks.length - 1; i >= 0; i--) {
      const look = this.looks[i];
      if (look.at <= at && (!slot || look.slot === slot)) return look;
    }
    return null;
  }

  /** Who is in the accept queue at that moment, first come first. */
  queue(at, slot) {
    const waiting = [];
    for (const connection of this.connections.values()) {
      const isIn = connection.queued <= at && (connection.over ?? Infinity) > at;
      if (isIn && (!slot || connection.slot === slot)) waiting.push(connection);
    }
    return waiting.sort((a, b) => a.queued - b.queued || a.number - b.number);
  }

  /** What the front end holds at that moment, first come first: the requests, and their true number. */
  heldAt(at, slot) {
    const held = [...this.held.values()].filter((one) => one.queued <= at && (one.over ?? Infinity) > at && (!slot || one.slot === slot));
    const last = new Map();
    for (const sample of this.holding) if (sample.at <= at && (!slot || sample.slot === slot)) last.set(sample.slot, sample.waiting);
    const count = [...last.values()].reduce((sum, one) => sum + one, 0);
    return { held: held.sort((a, b) => a.queued - b.queued || a.number - b.number), count };
  }

  /** How many were held within the window, from the sample on that was in force when it began. */
  holdingWithin(at, slot) {
    const samples = this.holding.filter((one) => one.at <= at && (!slot || one.slot === slot));
    const inside = samples.findIndex((one) => one.at > at - WINDOW);
    const shown = samples.slice(inside < 0 ? -1 : Math.max(0, inside - 1));
    return shown.some((one) => one.waiting > 0 || one.at > at - WINDOW) ? shown : [];
  }

  /** What became of those that were held and are not any more, within the window. */
  heldBefore(at, slot) {
    const over = [...this.held.values()].filter((one) => one.over <= at && one.over > at - WINDOW && (!slot || one.slot === slot));
    const released = over.filter((one) => one.waited !== undefined);
    return { released: released.length, longest: Math.max(0, ...released.map((one) => one.waited)), ended: over.length - released.length };
  }

  /** The workers that lived within the window, oldest first, each with its requests. */
  lanes(at, slot) {
    const from = at - WINDOW;
    const lanes = [];
    const byWorker = new Map();
    for (const worker of this.workers.values()) {
      const lived = worker.born <= at && (worker.died ?? Infinity) > from;
      if (!lived || (slot && worker.slot !== slot)) continue;
      const lane = { worker, requests: [] };
      lanes.push(lane);
      byWorker.set(worker.key, lane);
    }
    for (const request of this.requests.values())
      if (request.began <= at && (request.ended ?? Infinity) > from)
        byWorker.get(request.worker)?.requests.push(request);
    for (const lane of lanes) {
      lane.requests.sort((a, b) => a.began - b.began);
      lane.rows = stack(lane.requests);
    }
    return lanes.sort((a, b) => a.worker.born - b.worker.born || a.worker.pid - b.worker.pid);
  }

  /** What ran while a request waited, by text: what it waited behind. */
  behind(request) {
    const connection = this.connections.get(request.connection);
    if (!connection || connection.queued === undefined) return [];
    const counts = new Map();
    for (const other of this.requests.values()) {
      const ranMeanwhile =
        other !== request &&
        other.slot === request.slot &&
        other.began < request.began &&
        (other.ended ?? Infinity) > connection.queued;
      if (ranMeanwhile) counts.set(other.text, (counts.get(other.text) ?? 0) + 1);
    }
    return [...counts].sort((a, b) => b[1] - a[1]);
  }

  /** How long clients of a slot waited that came after a lever was pulled, and were taken until now. */
  measured(since, until, slot, now) {
    const waits = [];
    for (const request of this.requests.values()) {
      const connection = this.connections.get(request.connection);
      const came = connection?.queued ?? request.began;
      const isOf = !slot || request.slot === slot;
      if (isOf && came >= since && came < until && request.began <= now)
        waits.push(request.waited ?? 0);
    }
    if (waits.length === 0) return null;
    return { wait: waits.reduce((sum, wait) => sum + wait, 0) / waits.length, count: waits.length };
  }

  /** After how many seconds clients leave: the middle of those that did. */
  limit() {
    const ages = [];
    for (const connection of this.connections.values())
      // One that had left before it was first seen says nothing of its patience.
      if (connection.left - connection.queued > 0.3) ages.push(connection.left - connection.queued);
    ages.sort((a, b) => a - b);
    return ages.length ? ages[ages.length >> 1] : null;
  }
}

/** Rows of requests that do not overlap. */
function stack(requests) {
  const ends = [];
  for (const request of requests) {
    let row = ends.findIndex((end) => end <= request.began + 0.001);
    if (row < 0) row = ends.length;
    ends[row] = request.ended ?? Infinity;
    request.row = row;
  }
  return Math.max(ends.length, 1);
}

function worker(run, event, of) {
  const key = of(`w${event.worker}`);
  let found = run.workers.get(key);
  if (!found) {
    found = { key, pid: event.worker, slot: event.slot, born: event.at, served: 0 };
    run.workers.set(key, found);
  }
  return found;
}

function tell(run, event, text, kind) {
  run.told.push({ at: event.at, slot: event.slot, text, kind });
}

/** Words for a request that ended at the front end. */
const UNANSWERED = {
  "client-left": "its client left",
  limit: "the front end's limit passed",
  "start-failed": "the start that it was held for failed or took too long",
  refused: "the container took no connection",
  "no-answer": "the container closed the connection",
  "turned-away": "the site is stopped, blocked or not ready",
  "front-end-stopped": "the front end was stopped",
};

/** A front end holds so many requests now. */
function hold(run, event) {
  const slot = event.slot ?? "";
  run.holding.push({ at: event.at, slot: event.slot, waiting: event.holding });
  const since = run.episodes.get(slot);
  if (event.holding > 0 && since === undefined) {
    run.episodes.set(slot, event.at);
    tell(run, event, "the front end holds requests: no container serves yet", "held");
  }
  if (event.holding === 0 && since !== undefined) {
    run.episodes.delete(slot);
    // Not each has an end of its own where there were too many.
    for (const one of run.held.values()) if (one.slot === event.slot) one.over ??= event.at;
    tell(run, event, `the front end holds no request any more, after ${(event.at - since).toFixed(1)} s`, "held");
  }
}

const HANDLERS = {
  held(run, event, of) {
    const key = of(`h${event.number}`);
    run.held.set(key, { key, number: event.number, slot: event.slot, queued: event.at, text: event.text });
    hold(run, event);
  },
  released(run, event, of) {
    const found = run.held.get(of(`h${event.number}`));
    if (found) Object.assign(found, { over: event.at, waited: event.waited });
    hold(run, event);
  },
  unanswered(run, event, of) {
    const found = run.held.get(of(`h${event.number}`));
    if (found) found.over ??= event.at;
    tell(run, event, `${event.text}: ${UNANSWERED[event.why] ?? event.why} after ${event.took.toFixed(1)} s (${event.status})`, "unanswered");
    hold(run, event);
  },
  untold(run, event) {
    tell(run, event, `${event.count} more events of the front end, not told one by one`, "unanswered");
    hold(run, event);
  },
  pool(run, event) {
    run.looks.push(event);
  },
  queued(run, event, of) {
    const key = of(event.connection);
    run.connections.set(key, { key, number: event.connection, slot: event.slot, queued: event.at });
  },
  left(run, event, of) {
    const connection = run.connections.get(of(event.connection));
    if (connection) connection.left ??= event.at;
  },
  accepted(run, event, of) {
    const connection = run.connections.get(of(event.connection));
    if (connection) connection.over ??= event.at;
  },
  dropped(run, event, of) {
    HANDLERS.accepted(run, event, of);
  },
  begun(run, event, of) {
    const lane = worker(run, event, of);
    lane.served += 1;
    const connection = of(event.connection ?? `r${event.request}`);
    if (!run.connections.has(connection))
      run.connections.set(connection, { key: connection, slot: event.slot, over: event.at });
    run.connections.get(connection).over = event.at;
    const key = of(event.request);
    const { text, waited, slot } = event;
    run.requests.set(key, { key, worker: lane.key, pid: lane.pid, connection, text, waited, slot, began: event.at });
  },
  read(run, event, of) {
    const request = run.requests.get(of(event.request));
    if (request) request.text = event.text;
  },
  ended(run, event, of) {
    const request = run.requests.get(of(event.request));
    if (request) Object.assign(request, { ended: event.at, status: event.status ?? null });
  },
  many(run, event, of) {
    worker(run, event, of).served += event.count;
  },
  born(run, event, of) {
    Object.assign(worker(run, event, of), { born: event.at });
    tell(run, event, `worker ${event.worker} was born`, "worker");
  },
  died(run, event, of) {
    Object.assign(worker(run, event, of), { died: event.at, how: event.how, by: event.by });
    tell(run, event, `worker ${event.worker} ended: ${event.how}, by ${event.by}`, "death");
  },
  over(run, event) {
    const isOf = (one) => one.key.startsWith(`${event.slot ?? ""}|${event.pool ?? 0}|`);
    for (const one of run.workers.values())
      if (isOf(one) && one.died === undefined) Object.assign(one, { died: event.at, how: "not told", by: "the end of its pool" });
    for (const one of run.requests.values()) if (isOf(one)) one.ended ??= event.at;
    for (const one of run.connections.values()) if (isOf(one)) one.over ??= event.at;
    run.looks.push({ at: event.at, slot: event.slot, waiting: 0, sentence: "The pool was told to stop, or is gone." });
    tell(run, event, "the arbiter tells nothing more: it was told to stop, or is gone", "platform");
  },
  memory(run, event) {
    run.memory.push(event);
  },
  lever(run, event) {
    run.pulled.push(event);
    tell(run, event, `${event.name}: ${event.said}`, "lever");
  },
  platform(run, event) {
    tell(run, event, event.text, "platform");
  },
};
