// The page: follows the stream, keeps the time, and answers mouse and keys.

import { HeldPicture, LanesPicture, QueuePicture, seconds } from "./draw.js";
import { Run } from "./model.js";

const DRAW_PERIOD = 200;
const element = (id) => document.getElementById(id);

const [token, ...options] = location.hash.slice(1).split("&");
const wanted = new URLSearchParams(options.join("&"));
const run = new Run();
const queue = new QueuePicture(element("queue"));
const heldPicture = new HeldPicture(element("held"));
const lanes = new LanesPicture(element("lanes"));
const view = { live: true, at: 0, playing: false, speed: 1, chosen: null, told: 0, ended: false, outlooks: new Map(), limitIsSet: wanted.has("limit") };
/** When the last event came, by this browser's clock, and what time it was then. */
const clock = { heard: performance.now(), at: 0 };

element("limit").value = wanted.get("limit") ?? "10";

function ask(path, init = {}) {
  return fetch(path, { ...init, headers: { authorization: `Bearer ${token}` }, cache: "no-store" });
}

function say(text) {
  if (element("state").textContent !== text) element("state").textContent = text;
}

function take(text) {
  const event = JSON.parse(text);
  run.apply(event);
  if (run.last > clock.at) Object.assign(clock, { at: run.last, heard: performance.now() });
  if (event.kind === "lever") {
    notePulled(event);
    if (event.name.startsWith("setting")) offerLevers().catch(() => {});
  }
}

/** Read server-sent events; the browser's own reader sends no token. */
async function follow() {
  let from = 0;
  for (;;) {
    try {
      const answer = await ask(`events?from=${from}`);
      if (answer.status === 401) return say("This page needs the token behind the # of its address.");
      if (!answer.ok) throw new Error(`status ${answer.status}`);
      from = await readEvents(answer.body.getReader(), from);
      if (view.ended) return beginReplay();
    } catch {
      say("The pool cannot be reached; trying again.");
    }
    await new Promise((resolve) => setTimeout(resolve, 1000));
  }
}

async function readEvents(reader, from) {
  const decoder = new TextDecoder();
  let rest = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return from;
    if (view.live) say("live");
    const messages = (rest + decoder.decode(value, { stream: true })).split("\n\n");
    rest = messages.pop();
    for (const message of messages) {
      const field = (name) => message.split("\n").find((line) => line.startsWith(`${name}: `))?.slice(name.length + 2);
      if (field("event") === "end") view.ended = true;
      else if (field("data")) {
        take(field("data"));
        from = Number(field("id")) || from;
      }
    }
  }
}

function beginReplay() {
  if (run.first === null) return say("The recording is empty.");
  Object.assign(view, { live: false, at: Number(wanted.get("at") ?? 0) + run.first, playing: !wanted.has("at") });
  say("a recorded run");
  element("replay").hidden = false;
  element("seek").max = String(run.last - run.first);
}

let lastTick = performance.now();

/** The moment that is shown. */
function moment(tick) {
  if (view.live) {
    // Without news for long the picture stands still, and says so.
    const silent = (tick - clock.heard) / 1000;
    if (silent > 3 && clock.at) say("no news from the pool");
    return clock.at + Math.min(silent, 3);
  }
  if (view.playing) view.at = Math.min(run.last, view.at + ((tick - lastTick) / 1000) * view.speed);
  if (view.at >= run.last) view.playing = false;
  element("play").textContent = view.playing ? "Pause" : "Play";
  element("seek").value = String(view.at - run.first);
  return view.at;
}

function draw() {
  const tick = performance.now();
  const at = moment(tick);
  lastTick = tick;
  if (!at) return;
  if (view.live) run.prune(at);
  const slot = chooseSlot();
  if (!view.limitIsSet) learnLimit();
  const limit = Number(element("limit").value) || 10;
  drawHeld(at, limit, slot);
  const waiting = queue.draw(run, at, limit, slot);
  lanes.draw(run, at, slot, view.chosen);
  const look = run.look(at, slot);
  element("sentence").textContent = look?.sentence ?? "Nobody has looked at the pool yet.";
  element("queue").dataset.kernel = String(look?.waiting ?? "");
  element("queue-words").textContent = words(waiting, look, at);
  for (const [span, lever] of view.outlooks) span.textContent = outlook(lever, look);
  listTold(at, slot);
  measurePulled(at);
}

/** Requests that wait before the front end, not in the accept queue: there is no container yet. */
function drawHeld(at, limit, slot) {
  const now = run.heldAt(at, slot);
  const { released, longest, ended } = run.heldBefore(at, slot);
  element("held-section").hidden = now.count + released + ended === 0;
  if (element("held-section").hidden) return;
  heldPicture.draw(now, at, limit);
  const requests = (count) => (count === 1 ? "1 request is" : `${count} requests are`);
  const first = now.held[0] ? `, the first for ${seconds(at - now.held[0].queued)}` : "";
  const held = now.count ? `${requests(now.count)} held until a container serves${first}.` : "No request is held.";
  const before = released ? ` In the last minute ${released} went to a container, after up to ${seconds(longest)}.` : "";
  const lost = ended ? ` ${ended} ended while held: clients that left, or a start that failed.` : "";
  element("held-words").textContent = held + before + lost;
}

function words(waiting, look, at) {
  const gone = waiting.filter((one) => (one.left ?? Infinity) <= at).length;
  const oldest = waiting[0] ? `, the first for ${seconds(at - waiting[0].queued)}` : "";
  const kernel = look?.waiting === null || look?.waiting === undefined ? "the kernel does not count them here" : `the kernel counts ${look.waiting} of at most ${look.backlog}`;
  return `${waiting.length} clients wait${oldest}; ${gone} of them have gone. As of the last look, ${kernel}.`;
}

/** What a lever would do, or why nobody can say. */
function outlook(lever, look) {
  const wait = lever.forecast ? look?.[lever.forecast] : undefined;
  if (wait === undefined || wait === null) return `no prediction: ${lever.without}`;
  return `predicted: a new client waits ${seconds(wait)}${lever.provided ? `, ${lever.provided}` : ""}`;
}

function chooseSlot() {
  const choice = element("slot");
  if (run.slots.size > choice.options.length) {
    const chosen = choice.value;
    choice.replaceChildren(...[...run.slots].sort().map((slot) => new Option(slot, slot)));
    choice.value = chosen || [...run.slots].sort()[0];
    element("slot-choice").hidden = run.slots.size < 2;
  }
  return choice.value || null;
}

/** Clients that leave tell how long they wait. */
function learnLimit() {
  const limit = run.limit();
  if (limit && document.activeElement !== element("limit")) element("limit").value = limit.toFixed(1);
}

function listTold(at, slot) {
  const told = run.told.filter((one) => one.at <= at && (!slot || !one.slot || one.slot === slot));
  const sign = `${told.length} ${told.at(-1)?.at}`;
  if (sign === view.told) return;
  view.told = sign;
  const items = told.slice(-60).reverse().map((one) => {
    const item = document.createElement("li");
    const time = document.createElement("time");
    time.textContent = new Date(one.at * 1000).toLocaleTimeString();
    item.append(time, one.text);
    return item;
  });
  element("events").replaceChildren(...items);
}

function tellRequest(request) {
  view.chosen = request.key;
  const { text, pid, began, ended, status, waited } = request;
  const at = view.live ? clock.at : view.at;
  const took = seconds((ended ?? at) - began);
  const result = ended === undefined ? `is running for ${took}` : `took ${took}, ${status ? `answered ${status}` : "not answered"}`;
  const behind = run.behind(request).slice(0, 3).map(([what, count]) => `${count} × ${what || "?"}`);
  const wait = waited > 0.05 ? `waited ${seconds(waited)}${behind.length ? ` behind ${behind.join(", ")}` : ""}` : "did not wait";
  const gone = run.connections.get(request.connection)?.left;
  const client = gone === undefined ? "" : ` Its client had gone ${gone < began ? "before it began" : "before it ended"}: nobody got the answer.`;
  element("detail").textContent = `${text || "A request"} in worker ${pid} ${wait}; it ${result}.${client}`;
}

element("lanes").addEventListener("pointermove", (event) => {
  const key = event.target.dataset?.key;
  const request = key && run.requests.get(key);
  if (request && key !== view.chosen) tellRequest(request);
});

element("lanes").addEventListener("keydown", (event) => {
  const step = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -1, ArrowDown: 1 }[event.key];
  if (!step || lanes.drawn.length === 0) return;
  event.preventDefault();
  const isAcross = event.key === "ArrowUp" || event.key === "ArrowDown";
  const now = lanes.drawn.findIndex((request) => request.key === view.chosen);
  const current = lanes.drawn[now];
  let next = lanes.drawn.at(now < 0 ? -1 : Math.max(0, Math.min(lanes.drawn.length - 1, now + step)));
  if (isAcross && current) {
    const pids = [...new Set(lanes.drawn.map((request) => request.worker))];
    const lane = pids[pids.indexOf(current.worker) + step];
    const others = lanes.drawn.filter((request) => request.worker === lane);
    next = others.sort((a, b) => Math.abs(a.began - current.began) - Math.abs(b.began - current.began))[0] ?? current;
  }
  tellRequest(next);
});

async function offerLevers() {
  const answer = await ask("levers");
  if (!answer.ok) return;
  const { levers, settings } = await answer.json();
  element("levers-section").hidden = levers.length === 0;
  view.outlooks.clear();
  const items = levers.filter((lever) => !lever.takes_setting).map((lever) => {
    const item = document.createElement("li");
    const span = document.createElement("span");
    view.outlooks.set(span, lever);
    item.append(button(lever), span);
    return item;
  });
  element("levers").replaceChildren(...items);
  offerSetting(levers.find((lever) => lever.takes_setting), settings);
}

function button(lever, told) {
  const button = document.createElement("button");
  button.type = "button";
  button.textContent = lever.label;
  button.dataset.lever = lever.name;
  button.addEventListener("click", () => pull(lever, button, told));
  return button;
}

/** A form for a setting, and a button for each that the page has set. Values are sent and never shown. */
function offerSetting(lever, settings) {
  const form = element("setting");
  form.hidden = !lever || !settings;
  if (form.hidden) return;
  const submit = form.querySelector("button");
  submit.textContent = lever.label;
  view.outlooks.set(form.querySelector("span"), lever);
  form.onsubmit = (event) => {
    event.preventDefault();
    const told = { name: element("setting-name").value.trim(), value: element("setting-value").value };
    element("setting-value").value = "";
    pull(lever, submit, told);
  };
  element("setting-names").replaceChildren(...settings.known.map((name) => new Option(name)));
  const undo = settings.set_here.map((name) => {
    const item = document.createElement("li");
    item.append(button({ name: "setting-undo", label: `Take ${name} back` }, { name }));
    return item;
  });
  element("set-here").replaceChildren(...undo);
}

/** Whoever looks over a shoulder reads no credential. */
element("setting-name").addEventListener("input", (event) => {
  const isSecret = /key|secret|token|pass|pwd|credential|conn/i.test(event.target.value);
  element("setting-value").type = isSecret ? "password" : "text";
});

async function pull(lever, button, told) {
  button.disabled = true;
  try {
    const body = told && JSON.stringify(told);
    const answer = await ask(`levers/${lever.name}`, { method: "POST", body });
    const { said, error } = await answer.json();
    element("lever-said").textContent = answer.ok ? `${lever.label}: ${said}.` : `${lever.label} did not work: ${error}`;
  } catch {
    element("lever-said").textContent = "The pool cannot be reached.";
  }
  button.disabled = false;
}

function notePulled(event) {
  const row = document.createElement("tr");
  const predicted = event.predicted === undefined ? `none: ${event.unpredicted ?? "not told"}` : seconds(event.predicted);
  for (const text of [new Date(event.at * 1000).toLocaleTimeString(), event.said, predicted, "nobody yet"]) {
    const cell = document.createElement("td");
    cell.textContent = text;
    row.append(cell);
  }
  row.dataset.at = String(event.at);
  row.dataset.slot = event.slot ?? "";
  element("pulled").tBodies[0].prepend(row);
}

/** Beside what was predicted, how long those waited that came since, until the next was done. Of a recording only what was done until then. */
function measurePulled(at) {
  let until = Infinity;
  const rows = [...element("pulled").tBodies[0].rows];
  for (const row of rows) {
    const since = Number(row.dataset.at);
    row.hidden = since > at;
    if (row.hidden) continue;
    const measured = run.measured(since, until, row.dataset.slot, at);
    if (measured || !view.live) row.cells[3].textContent = measured ? `${seconds(measured.wait)} (${measured.count} ${measured.count === 1 ? "client" : "clients"})` : "nobody yet";
    until = since;
  }
  element("pulled-section").hidden = rows.every((row) => row.hidden);
}

element("limit").addEventListener("input", () => (view.limitIsSet = true));
element("play").addEventListener("click", () => {
  if (view.at >= run.last) view.at = run.first;
  view.playing = !view.playing;
});
element("seek").addEventListener("input", (event) => {
  Object.assign(view, { at: run.first + Number(event.target.value), playing: false });
});
element("speed").addEventListener("change", (event) => (view.speed = Number(event.target.value)));

follow();
offerLevers().catch(() => {});
addEventListener("resize", draw);
setInterval(draw, DRAW_PERIOD);
