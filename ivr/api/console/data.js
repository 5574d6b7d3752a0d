// What is known of the daemon: asked for once, changed by events, and asked for again where events do not say it all.

import { get, Problem, token } from "./api.js";
import { now } from "./dom.js";

const drawers = new Set();
export const onChange = (draw) => drawers.add(draw);
export const changed = () => drawers.forEach((draw) => draw());

// Until it is listened to what happens nothing is asked for: in between something could change unheard.
let listening = false;

const REST = 4; // a daemon that needs a moment for an answer is asked at most a fifth of the time

// Something that can be asked for. When it may have changed it is asked for again, if somebody looks at it: at once,
// and then not more often than each `pause` milliseconds.
export class Source {
  constructor(load, pause, { hidden = false, every = 0 } = {}) {
    Object.assign(this, { load, pause, hidden, every, value: undefined, problem: null, stale: true, wanted: false });
    this.rested = 0;
    this.asking = false;
  }

  touch() {
    this.stale = true;
    this.go();
  }

  go() {
    if (!listening || !this.wanted || !this.stale || this.asking || this.timer || (document.hidden && !this.hidden)) return;
    const wait = this.rested - performance.now();
    if (wait <= 0) this.ask();
    else this.timer = setTimeout(() => { this.timer = undefined; this.go(); }, wait);
  }

  async ask() {
    this.stale = false;
    this.asking = true;
    const begun = performance.now();
    try {
      this.value = await this.load();
      this.problem = null;
    } catch (problem) {
      this.problem = problem instanceof Problem ? problem : new Problem(-1, String(problem));
      if (problem.status === 429) this.stale = true;
    }
    const end = performance.now();
    this.asking = false;
    this.loaded = now();
    this.rested = end + Math.max(this.problem ? 3000 : this.pause, REST * (end - begun));
    clearTimeout(this.again);
    if (this.every) this.again = setTimeout(() => this.touch(), this.every);
    changed();
    this.go();
  }

  set(value) {
    this.value = value;
    this.problem = null;
    changed();
  }

  forget() {
    clearTimeout(this.timer);
    clearTimeout(this.again);
    this.timer = undefined;
    Object.assign(this, { value: undefined, problem: null, stale: true, rested: 0 });
  }
}

// What is asked for, and for which moment it holds: about the middle of the time that it took.
export async function timed(path) {
  const begun = now();
  const found = await get(path);
  return [found, (begun + now()) / 2];
}

const byId = (list) => new Map(list.map((each) => [each.id, each]));

export const me = new Source(() => get("/v1/me"), 1000);
export const may = (scope) => {
  const scopes = me.value?.scopes ?? [];
  return scopes.includes(scope) || scopes.includes("admin");
};

// Calls in progress, by id. What happens while they are asked for is looked at once they are there.
let missed = [];
export const calls = new Source(async () => {
  missed = [];
  const found = byId((await get("/v1/calls")).calls);
  missed.forEach(([type, event]) => follow(found, type, event));
  return found;
}, 1000, { hidden: true });

export function follow(found, type, { call: id, at, data }) {
  const row = found.get(id);
  if (type === "call.ended") found.delete(id);
  else if (type === "call.started") {
    if (!row) found.set(id, { ...data, id, caller: data.from, called: data.to, element: null, started_at: at, answered_at: null });
  } else if (!row) return;
  else if (type === "call.answered") row.answered_at ??= at;
  else if (type === "call.element" || type === "call.moved") {
    Object.assign(row, { element: data.element, element_type: data.type ?? null, element_flow: data.flow, party: null });
  }
}

const PARTIES = new Set(["transfer_to_ai_agent", "transfer_to_voice_application", "forward_call"]);
let asking; // whom these have reached, and whom a transfer has, no event tells

// Agents, by id; each with the time of the daemon (`at`) for which its figures are.
export const agents = new Source(async () => {
  const [found, at] = await timed("/v1/agents");
  return { ...found, agents: byId(found.agents.map((agent) => ({ ...agent, since: at - (agent.now.since_seconds ?? 0) }))) };
}, 5000, { every: 15000 }); // that a phone is reachable no event tells

function change(agent, { at, call, data }) {
  const before = agent.now;
  const same = before.phase === data.phase && before.status === data.status;
  agent.now = { ...before, status: data.status, group: data.group, phase: data.phase, queue: data.queue, caller: call ?? "", reason: data.reason };
  if (!same) agent.since = at;
}

export const queues = new Source(async () => {
  const [{ queues: list }, at] = await timed("/v1/queues");
  setTimeout(askForCallers);
  return { list, at };
}, 1000);

const inQueues = new Map();
// Who is in a queue.
export function callers(name) {
  if (!inQueues.has(name)) {
    const load = async () => {
      const [{ callers: rows }, at] = await timed(`/v1/queues/${encodeURIComponent(name)}/callers`);
      return { rows, at };
    };
    inQueues.set(name, new Source(load, 1000));
  }
  return inQueues.get(name);
}

// They are asked for where somebody looks at queues, and only those of queues in which somebody is.
let looked = false;
export function lookAtCallers(now) {
  if (now === looked) return;
  looked = now;
  askForCallers();
}

function askForCallers() {
  for (const { id, now: state } of queues.value?.list ?? []) {
    const source = callers(id);
    const some = state.waiting || state.ringing || state.callbacks;
    source.wanted = looked && Boolean(some);
    if (source.wanted) source.go();
    else if (!some && source.value?.rows.length) source.forget();
  }
}

// Whom a call is with: an agent, or what the element there has reached; "" where it is with nobody.
export function party(call) {
  for (const agent of agents.value?.agents.values() ?? []) {
    if (agent.now.caller !== call.id) continue;
    if (agent.now.phase === "in_call") return { name: agent.name, state: "talks", agent: agent.id };
    if (agent.now.phase === "ringing") return { name: agent.name, state: "rings", agent: agent.id };
  }
  if (!call.party) return null;
  const agent = call.element_type === "transfer_to_agent" ? agents.value?.agents.get(call.party) : null;
  return { name: agent?.name ?? call.party, state: "" };
}

// Events

const OFFERS = new Set(["agent.offered", "agent.answered", "agent.missed"]);

const listeners = new Set();
export const onEvent = (heard) => { listeners.add(heard); return () => listeners.delete(heard); };

export function heard(type, event) {
  const [family] = type.split(".");
  const { data } = event;
  if (family === "call") {
    if (calls.asking) missed.push([type, event]);
    if (calls.value) follow(calls.value, type, event);
    if (type === "call.transferred" || (type === "call.element" && PARTIES.has(data.type))) asking ??= setTimeout(() => { asking = undefined; calls.touch(); }, 300);
  } else if (type === "agent.status") {
    const agent = agents.value?.agents.get(data.agent);
    if (agent) change(agent, event);
    else agents.touch();
    queues.touch();
  }
  // Agents see the calls that ring for them and those that they took: there is one more, or one less.
  if (OFFERS.has(type) && event.call && (type === "agent.missed" || !calls.value?.has(event.call))) calls.touch();
  if (["queue", "callback"].includes(family) || OFFERS.has(type)) {
    queues.touch();
    if (data.queue) callers(data.queue).touch();
    agents.touch();
  }
  listeners.forEach((each) => each(type, event));
  changed();
}

const all = () => [me, calls, agents, queues, ...inQueues.values()];

// Events come from now on.
export function begin() {
  listening = true;
  all().forEach((source) => source.go());
  changed();
}

// All of it may be otherwise: events were missed.
export function refresh() {
  all().forEach((source) => source.touch());
  listeners.forEach((each) => each("gap", { data: {} }));
}
// Somebody else asks.
export function forget() {
  listening = false;
  all().forEach((source) => source.forget());
  listeners.forEach((each) => each("forget", { data: {} }));
}

export const signedIn = () => Boolean(token.get());

document.addEventListener("visibilitychange", () => {
  all().forEach((source) => source.go());
});
