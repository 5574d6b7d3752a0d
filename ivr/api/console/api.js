// The HTTP interface: requests with the token where there is one, and the stream of events, which comes back by itself.

import { serverTime } from "./dom.js";

const KEY = "ivr.token";

export const token = {
  get: () => sessionStorage.getItem(KEY) ?? "",
  set: (text) => (text ? sessionStorage.setItem(KEY, text) : sessionStorage.removeItem(KEY)),
};

export class Problem extends Error {
  constructor(status, detail) {
    super(detail);
    this.status = status;
  }
}

export const hooks = { refused: () => {} }; // a token was shown, and is not good (any more)

const authorised = (more = {}) => (token.get() ? { ...more, Authorization: `Bearer ${token.get()}` } : more);

async function asked(method, path, body) {
  const shown = token.get();
  const headers = authorised(body === undefined ? {} : { "Content-Type": "application/json" });
  let answer;
  try {
    answer = await fetch(path, { method, headers, cache: "no-store", body: body === undefined ? undefined : JSON.stringify(body) });
  } catch {
    throw new Problem(0, "The daemon does not answer.");
  }
  serverTime(answer.headers.get("Date"));
  if (answer.ok) return answer;
  const told = await answer.json().catch(() => ({}));
  if (answer.status === 401 && shown && shown === token.get()) hooks.refused();
  throw new Problem(answer.status, sentence(told.detail ?? `the daemon answered ${answer.status}`));
}

const sentence = (text) => text.charAt(0).toUpperCase() + text.slice(1) + (/[.!?…]$/.test(text) ? "" : ".");

export const get = async (path) => (await asked("GET", path)).json();

export async function send(method, path, body = {}) {
  const answer = await asked(method, path, body);
  return answer.status === 204 ? null : answer.json().catch(() => null);
}

// A file behind the token, as an address; to be given back with URL.revokeObjectURL.
export const file = async (path) => URL.createObjectURL(await (await asked("GET", path)).blob());

// Events

const TYPES = "call.*,queue.*,agent.*,callback.*,recording.*";
const FIRST_PAUSE = 1000;
const LONGEST_PAUSE = 15000;
const SILENCE = 40000; // the daemon says something each 15 s: a connection that says nothing is none

// Events from now on, until `signal`. `heard(type, event)`; `state("on" | "off" | "refused")`; `gap()` where some were
// missed.
export async function stream({ heard, state, gap, signal }) {
  let last = "";
  let pause = FIRST_PAUSE;
  while (!signal.aborted) {
    const lost = new AbortController();
    const stop = () => lost.abort();
    signal.addEventListener("abort", stop);
    let silent = setTimeout(stop, SILENCE);
    try {
      const headers = authorised({ Accept: "text/event-stream", ...(last ? { "Last-Event-ID": last } : {}) });
      const answer = await fetch(`/v1/events?types=${TYPES}`, { headers, signal: lost.signal, cache: "no-store" });
      if (answer.status === 401 || answer.status === 403) {
        if (token.get()) hooks.refused();
        state("refused");
        return;
      }
      if (!answer.ok) throw new Problem(answer.status, "");
      state("on");
      pause = FIRST_PAUSE;
      for await (const found of messages(answer.body)) {
        clearTimeout(silent);
        silent = setTimeout(stop, SILENCE);
        for (const message of found) {
          if (message.id) last = message.id;
          if (message.event === "gap") gap();
          else if (message.data) heard(message.event, JSON.parse(message.data));
        }
      }
    } catch {
      // It is tried again below, whatever went wrong.
    }
    clearTimeout(silent);
    signal.removeEventListener("abort", stop);
    if (signal.aborted) return;
    state("off");
    await waited(pause * (0.75 + Math.random() / 2)); // not all pages in the same moment
    pause = Math.min(pause * 2, LONGEST_PAUSE);
  }
}

// Some time, or until this machine is on the network again.
function waited(milliseconds) {
  return new Promise((done) => {
    const end = () => { clearTimeout(timer); removeEventListener("online", end); done(); };
    const timer = setTimeout(end, milliseconds);
    addEventListener("online", end);
  });
}

// Messages of a stream of server-sent events, as they come: lists of `{event, id, data}`.
export async function* messages(body) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let held = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    held += value;
    const blocks = held.split(/\r?\n\r?\n/);
    held = blocks.pop();
    yield blocks.map(message);
  }
}

function message(block) {
  const found = { event: "message", id: "", data: "" };
  for (const line of block.split(/\r?\n/)) {
    const [, field, text] = /^(\w+): ?(.*)$/.exec(line) ?? [];
    if (field === "data") found.data += (found.data ? "\n" : "") + text;
    else if (field) found[field] = text;
  }
  return found;
}
