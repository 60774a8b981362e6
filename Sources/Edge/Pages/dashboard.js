"use strict";

/** How often the state is asked for while the page is seen, in ms. */
const INTERVAL = 2000;
/** How long an answer may take, in ms. */
const PATIENCE = 20_000;
/** Rates are means over this time, in ms. */
const WINDOW = 10_000;
/** How far back the lines go, in ms. */
const MEMORY = 120_000;
/** More lanes than these are not listed; those that are not well come first. */
const LANES = 400;

const $ = (selector) => document.querySelector(selector);

/** Sets a text only where it differs: a selection in it stays, and nothing is read out twice. */
const setText = (element, text) => { if (element.textContent !== text) element.textContent = text; };

const whole = (number) => Math.round(number ?? 0).toLocaleString("en");

/** A rate: whole from ten on. */
const rate = (number) => number === null ? "–" : number >= 10 || number === 0 ? whole(number) : number.toFixed(1);

/** 340 → "340 ms", 12000 → "12 s", 90000 → "1.5 min". */
const duration = (ms) => {
  if (ms < 1000) return `${Math.max(0, Math.round(ms))} ms`;
  for (const [unit, size, next] of [["s", 1000, 60_000], ["min", 60_000, 3_600_000], ["h", 3_600_000, 86_400_000]]) {
    if (ms < next) return `${ms / size < 10 && unit !== "s" ? (ms / size).toFixed(1) : Math.round(ms / size)} ${unit}`;
  }
  return `${(ms / 86_400_000).toFixed(1)} d`;
};

const bytes = (number) => number >= 1 << 30 ? `${(number / (1 << 30)).toFixed(1)} GB` : `${(number / (1 << 20)).toFixed(number < 10 << 20 ? 1 : 0)} MB`;

const sum = (list, value) => list.reduce((total, item) => total + (value(item) ?? 0), 0);

/** cjson writes an empty list as an object. */
const list = (value) => Array.isArray(value) ? value : [];

/** The documents of the last two minutes. */
class Past {
  #documents = [];

  /** Takes a document in; false when it is one that is known. */
  add(document) {
    const last = this.#documents.at(-1);
    if (last?.time === document.time) return false;
    if (last && document.time < last.time) this.#documents = [];
    this.#documents.push(document);
    while (this.#documents[0].time < document.time - MEMORY) this.#documents.shift();
    return true;
  }

  /** How much `value(document)` grew in a second of late; null while that is not known. */
  rate(value) {
    const last = this.#documents.at(-1);
    const first = this.#documents.find(({ time }) => time >= last.time - WINDOW);
    if (!last || first === last) return null;
    return Math.max(0, (value(last) - value(first)) * 1000 / (last.time - first.time));
  }

  /** The rate from each document to the next: [time, per second]. */
  rates(value) {
    return this.#documents.slice(1).map((document, index) => {
      const before = this.#documents[index];
      return [document.time, Math.max(0, (value(document) - value(before)) * 1000 / (document.time - before.time))];
    });
  }
}

/** A table whose cells are kept and changed in place. */
class Table {
  #columns;
  #body = document.createElement("tbody");
  #rows = new Map();

  /** `columns`: [title, class]. The first is the row's heading. */
  constructor(table, columns) {
    this.#columns = columns;
    const head = document.createElement("tr");
    for (const [title, kind] of columns) {
      head.append(Object.assign(document.createElement("th"), { textContent: title, scope: "col", className: kind ?? "" }));
    }
    const group = document.createElement("thead");
    group.append(head);
    table.replaceChildren(group, this.#body);
  }

  /** `rows`: [key, level, values]. A value is a text, or a function that fills the cell. */
  show(rows) {
    const known = this.#rows;
    this.#rows = new Map();
    rows.forEach(([key, level, values], index) => {
      const row = known.get(key) ?? this.#make();
      this.#rows.set(key, row);
      known.delete(key);
      if (this.#body.children[index] !== row) this.#body.insertBefore(row, this.#body.children[index] ?? null);
      row.dataset.level = level ?? "";
      values.forEach((value, column) => this.#fill(row.children[column], value));
    });
    for (const row of known.values()) row.remove();
  }

  #make() {
    const row = document.createElement("tr");
    this.#columns.forEach(([, kind], index) => {
      const cell = document.createElement(index === 0 ? "th" : "td");
      if (index === 0) cell.scope = "row";
      else cell.className = kind ?? "";
      row.append(cell);
    });
    return row;
  }

  #fill(cell, value) {
    if (typeof value === "function") return value(cell);
    setText(cell, value);
    cell.classList.toggle("none", value === "–" || (value === "0" && !cell.classList.contains("text")));
  }
}

/** A number that leads to what to type about it. */
const linked = (number, target) => (cell) => {
  const link = cell.firstElementChild;
  if (number === 0) {
    setText(cell, "0");
  } else if (link) {
    setText(link, whole(number));
  } else {
    cell.replaceChildren(Object.assign(document.createElement("a"), { href: target, textContent: whole(number) }));
  }
  cell.classList.toggle("none", number === 0);
};

const SVG = "http://www.w3.org/2000/svg";

/** A line of rates over the last two minutes. */
const sparkline = (points, now, label) => (cell) => {
  let drawing = cell.firstElementChild;
  if (!drawing) {
    drawing = document.createElementNS(SVG, "svg");
    drawing.setAttribute("viewBox", "0 0 120 24");
    drawing.setAttribute("preserveAspectRatio", "none");
    drawing.setAttribute("role", "img");
    for (const kind of ["area", ""]) {
      const path = document.createElementNS(SVG, "path");
      path.setAttribute("class", kind);
      drawing.append(path);
    }
    cell.replaceChildren(drawing);
  }
  drawing.setAttribute("aria-label", label);
  const top = Math.max(1, ...points.map(([, value]) => value));
  const places = points.map(([time, value]) =>
    [120 - (now - time) * 120 / MEMORY, 23 - value * 22 / top].map((place) => place.toFixed(1)));
  const line = places.length < 2 ? "" : `M${places.map((place) => place.join(" ")).join("L")}`;
  drawing.children[0].setAttribute("d", line && `${line}L${places.at(-1)[0]} 24L${places[0][0]} 24Z`);
  drawing.children[1].setAttribute("d", line);
};

/** What is wrong, and what to type. */
class Advice {
  #list = $("#advice");
  #items = new Map();

  show(advice, heading) {
    setText($("#headline"), heading.words);
    $("#headline").dataset.state = heading.state;
    const known = this.#items;
    this.#items = new Map();
    const places = new Set();
    advice.forEach((item, index) => {
      const key = [item.level, item.place, item.type].join("\n");
      const element = known.get(key) ?? this.#make();
      known.delete(key);
      this.#items.set(key, element);
      element.id = places.has(item.place) ? "" : `advice-${item.place}`;
      places.add(item.place);
      element.dataset.level = item.level;
      setText(element.querySelector(".level"), `${item.level}:`);
      setText(element.querySelector(".words"), item.what);
      setText(element.querySelector(".why"), item.why);
      setText(element.querySelector("code"), item.type);
      setText(element.querySelector(".hint"), item.hint ?? "");
      element.querySelector("button").setAttribute("aria-label", `Copy ${item.type}`);
      if (this.#list.children[index] !== element) this.#list.insertBefore(element, this.#list.children[index] ?? null);
    });
    for (const element of known.values()) element.remove();
  }

  #make() {
    const make = (name, className, ...children) => {
      const element = Object.assign(document.createElement(name), { className });
      element.append(...children);
      return element;
    };
    const code = make("code", "");
    const button = make("button", "", "Copy");
    button.type = "button";
    button.addEventListener("click", () => this.#copy(code, button));
    return make("li", "", make("p", "what", make("span", "level"), make("span", "words")), make("p", "why"),
      make("p", "line", code, make("span", "hint")), button);
  }

  async #copy(code, button) {
    try {
      await navigator.clipboard.writeText(code.textContent);
      button.textContent = "Copied";
    } catch {
      // No clipboard over plain HTTP: what is to be copied is selected.
      getSelection().selectAllChildren(code);
      button.textContent = "Selected";
    }
    setTimeout(() => { button.textContent = "Copy"; }, 1500);
  }
}

/** What a document holds, put in order for the page. */
class State {
  constructor(document) {
    this.document = document;
    this.lanes = list(document.lanes);
    this.processes = list(document.processes);
    this.names = this.lanes.length > 0 ? ["incoming", ...list(document.stages)] : [];
  }

  lanesOf(stage) {
    return this.lanes.filter((lane) => lane.stage === stage);
  }

  /** The worst that is said about a place. */
  level(place) {
    return ["fault", "warning"].find((level) =>
      list(this.document.advice).some((item) => item.level === level && item.place === place));
  }
}

const countOf = (stage, counter) => (document) =>
  sum(list(document.lanes), (lane) => lane.stage === stage ? lane[counter] : 0);

const settledOf = (stage) => (document) =>
  ["out", "dropped", "held", "dead"].reduce((total, counter) => total + countOf(stage, counter)(document), 0);

/** The state of a lane in words. */
const laneState = (lane) => {
  if (lane.paused) return "paused";
  if (lane.live) return "served";
  return lane.owner ? "its worker is gone" : "no worker";
};

class Dashboard {
  #past = new Past();
  #advice = new Advice();
  #stages = new Table($("#stages"), [
    ["stage"], ["waiting"], ["oldest"], ["lanes", "text state"], ["in/s"], ["out/s"], ["dropped/s"], ["held"], ["dead"],
    ["last 2 min"],
  ]);
  #processes = new Table($("#processes"), [
    ["role", "text"], ["id", "id"], ["host", "text"], ["pid"], ["lanes"], ["readers"], ["connections"], ["memory"],
    ["to Redis"], ["heard", "state"],
  ]);
  #lanes = new Table($("#lanes"), [
    ["stage", "text"], ["partition", "text"], ["state", "text state"], ["owner", "id"], ["lease"], ["waiting"], ["oldest"], ["dead"], ["held"],
  ]);
  #doors = new Table($("#doors"), [["kind", "text"], ["feed", "text"], ["waiting"], ["taken"]]);

  show(document) {
    const isNew = this.#past.add(document);
    const state = new State(document);
    setText($("#pipeline"), document.pipeline || "pipeline");
    this.#showAdvice(list(document.advice), document.state);
    // Without lanes it says only why: what was seen last stays, faint.
    if (state.lanes.length === 0) return;
    if (!isNew) return;
    this.#showFigures(state);
    this.#showStages(state);
    this.#showDoors(state);
    this.#showProcesses(state);
    this.#showLanes(state);
  }

  /** The edge itself does not answer. */
  lost(reason) {
    const advice = { level: "fault", place: "edge", what: `this edge does not answer: ${reason}`,
      type: `curl -i ${location.origin}/ready`, hint: "and: systemctl status tidings-edge",
      why: "it has ended, hangs, or the network is away; readers go to the other edges" };
    this.#showAdvice([advice], "fault");
  }

  #showAdvice(advice, state) {
    const count = (level) => advice.filter((item) => item.level === level).length;
    const words = [["fault", "faults"], ["warning", "warnings"]].flatMap(([one, many]) =>
      count(one) === 0 ? [] : [`${count(one)} ${count(one) === 1 ? one : many}`]).join(", ");
    this.#advice.show(advice, { words: words || "All well", state });
    const sign = { fault: "✖ ", warning: "▲ " }[state] ?? "";
    document.title = `${sign}${words || "All well"} · ${$("#pipeline").textContent}`;
  }

  #showFigures({ document, lanes, processes, names }) {
    const { redis } = document;
    const edges = processes.filter(({ role }) => role === "edge");
    const oldest = Math.max(0, ...lanes.map(({ oldest_ms }) => oldest_ms ?? 0));
    const last = names.at(-1);
    const figures = [
      ["waiting", whole(sum(lanes, (lane) => lane.waiting)), ""],
      ["oldest wait", oldest > 0 ? duration(oldest) : "–", ""],
      ["in", rate(this.#past.rate(countOf(names[1], "in"))), "/s"],
      [`out of ${last}`, rate(this.#past.rate(countOf(last, "out"))), "/s"],
      ["readers", whole(sum(edges, ({ readers }) => Number(readers))), `on ${edges.length} edges`],
      ["channels", whole(document.feeds), document.closed ? `with a history · ${whole(document.closed)} threads closed` : "with a history"],
      ["Redis memory", redis ? bytes(redis.used_memory) : "–", redis?.maxmemory ? `of ${bytes(redis.maxmemory)}` : redis ? "no limit" : ""],
      ["Redis commands", redis ? whole(redis.instantaneous_ops_per_sec) : "–", "/s"],
    ];
    const list = $("#figures");
    if (list.childElementCount !== figures.length) {
      list.replaceChildren(...figures.map(() => {
        const pair = window.document.createElement("div");
        pair.innerHTML = "<dt></dt><dd><span></span> <small></small></dd>";
        return pair;
      }));
    }
    figures.forEach(([title, value, unit], index) => {
      const pair = list.children[index];
      setText(pair.querySelector("dt"), title);
      setText(pair.querySelector("span"), value);
      setText(pair.querySelector("small"), unit);
    });
  }

  #showStages(state) {
    this.#stages.show(state.names.map((name) => {
      const lanes = state.lanesOf(name);
      const oldest = Math.max(0, ...lanes.map(({ oldest_ms }) => oldest_ms ?? 0));
      const served = lanes.filter(({ live }) => live).length;
      const paused = lanes.filter((lane) => lane.paused).length;
      const missing = served === 0 ? " no worker" : ` ${lanes.length - served} without a worker`;
      const note = (paused > 0 ? " paused" : "") + (served < lanes.length ? missing : "");
      const level = state.level(name) ?? (served < lanes.length ? state.level("workers") : "");
      const speed = (counter) => rate(this.#past.rate(countOf(name, counter)));
      const points = this.#past.rates(settledOf(name));
      const label = `${name}: ${rate(this.#past.rate(settledOf(name)))} events a second of late`;
      return [name, level, [
        name, whole(sum(lanes, (lane) => lane.waiting)), oldest > 0 ? duration(oldest) : "–",
        `${served}/${lanes.length}${note}`, speed("in"), speed("out"), speed("dropped"),
        linked(sum(lanes, (lane) => lane.held_events), "#advice-held"),
        linked(sum(lanes, (lane) => lane.dead_letters), "#advice-dead"),
        sparkline(points, state.document.time, label),
      ]];
    }));
  }

  #showDoors({ document }) {
    const doors = list(document.doors);
    $("#doors-section").hidden = doors.length === 0;
    this.#doors.show(doors.map(({ kind, feed, waiting, taken }) =>
      [`${kind} ${feed}`, "", [kind, feed, kind === "feed" ? "–" : whole(waiting), whole(taken)]]));
  }

  #showProcesses({ document, processes }) {
    const sorted = [...processes].sort((a, b) => b.role.localeCompare(a.role) || a.id.localeCompare(b.id));
    this.#processes.show(sorted.map((process) => {
      const silence = Math.max(0, document.time - Number(process.beat));
      const number = (field) => process[field] === undefined ? "–" : whole(Number(process[field]));
      const roundTrip = Number(process.redis_us);
      return [process.id, silence > 9000 && process.leaving !== "1" ? "warning" : "", [
        process.role, process.id, process.host ?? "", process.pid ?? "", number("lanes"), number("readers"), number("connections"),
        bytes(Number(process.memory_kb) * 1024), roundTrip < 1000 ? `${roundTrip} µs` : `${(roundTrip / 1000).toFixed(1)} ms`,
        process.leaving === "1" ? "ending" : `${duration(silence)} ago`,
      ]];
    }));
  }

  #showLanes({ document, lanes }) {
    const isWell = (lane) => lane.live && !lane.paused && lane.attempts < 2;
    const bad = lanes.filter((lane) => !isWell(lane));
    const sum = bad.length === 0 ? `all ${whole(lanes.length)} served` : `${whole(bad.length)} of ${whole(lanes.length)} not well`;
    const shown = [...bad, ...lanes.filter(isWell)].slice(0, LANES);
    setText($("#lanes-sum"), sum + (shown.length < lanes.length ? `; the first ${LANES} are listed` : ""));
    if (!$("#lanes-details").open) return;
    this.#lanes.show(shown.map((lane) => [
      `${lane.stage} ${lane.partition ?? ""}`, isWell(lane) ? "" : "warning", [
        lane.stage, lane.partition === undefined ? "open door" : String(lane.partition), laneState(lane), lane.owner || "–",
        lane.live ? "by heartbeat" : lane.lease_ms > 0 ? `${duration(lane.lease_ms)} left` : "expired", whole(lane.waiting),
        lane.oldest_ms === undefined ? "–" : duration(lane.oldest_ms), whole(lane.dead_letters), whole(lane.held_events),
      ],
    ]));
  }

  /** Shows the lanes of the last document, when they come into sight. */
  unfold(document) {
    if (document) this.#showLanes(new State(document));
  }
}

const dashboard = new Dashboard();
let latest = null;
/** When the last document with lanes came, in ms of this page's clock. */
let seenAt = null;
let timer = 0;
let isAsking = false;

async function ask() {
  clearTimeout(timer);
  if (isAsking || document.hidden) return;
  isAsking = true;
  let isBlind = true;
  try {
    const answer = await fetch("dashboard.json", { cache: "no-store", signal: AbortSignal.timeout(PATIENCE) });
    if (!answer.ok) throw new Error(`status ${answer.status}`);
    const news = await answer.json();
    isBlind = list(news.lanes).length === 0;
    if (!isBlind) {
      latest = news;
      seenAt = performance.now();
    }
    dashboard.show(news);
  } catch (error) {
    dashboard.lost(error.name === "TimeoutError" ? "no answer in 20 s" : error.message);
  }
  document.body.toggleAttribute("data-blind", isBlind);
  isAsking = false;
  tick();
  timer = setTimeout(ask, INTERVAL);
}

/** How old what is shown is. */
function tick() {
  const age = seenAt === null ? null : performance.now() - seenAt;
  const isStale = age !== null && age > 3 * INTERVAL;
  $("#age").toggleAttribute("data-stale", isStale);
  setText($("#age"), age === null ? "" : isStale ? `${duration(age)} old` : "live");
}

document.addEventListener("visibilitychange", ask);
$("#lanes-details").addEventListener("toggle", () => dashboard.unfold(latest));
setInterval(tick, 1000);
ask();
