// The HTTP interface: requests with the token where there is one, and the stream of events, which comes back by itself.

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

const authorised = (more = {}) => (token.get() ? { ...more, Authorization: `Bearer ${token.get()}` } : more);

async function asked(method, path, body) {
  const headers = authorised(body === undefined ? {} : { "Content-Type": "application/json" });
  let answer;
  try {
    answer = await fetch(path, { method, headers, cache: "no-store", body: body === undefined ? undefined : JSON.stringify(body) });
  } catch {
    throw new Problem(0, "the daemon does not answer");
  }
  if (!answer.ok) {
    const told = await answer.json().catch(() => ({}));
    throw new Problem(answer.status, told.detail ?? `the daemon answered ${answer.status}`);
  }
  return answer;
}

export async function get(path) {
  return (await asked("GET", path)).json();
}

export async function send(method, path, body = {}) {
  const answer = await asked(method, path, body);
  return answer.status === 204 ? null : answer.json().catch(() => null);
}

// A file behind the token, as an address for <audio>; to be given back with URL.revokeObjectURL.
export async function file(path) {
  return URL.createObjectURL(await (await asked("GET", path)).blob());
}

const FIRST_PAUSE = 1000;
const LONGEST_PAUSE = 15000;

// Events from now on, for ever. `heard(type, data)`; `state("on" | "off")`; `gap()` where some were missed.
export async function stream({ heard, state, gap, signal }) {
  let last = "";
  let pause = FIRST_PAUSE;
  while (!signal.aborted) {
    try {
      const headers = authorised({ Accept: "text/event-stream", ...(last ? { "Last-Event-ID": last } : {}) });
      const answer = await fetch("/v1/events", { headers, signal, cache: "no-store" });
      if (!answer.ok) throw new Problem(answer.status, "");
      state("on");
      pause = FIRST_PAUSE;
      gap();
      for await (const message of messages(answer.body)) {
        if (message.id) last = message.id;
        if (message.event === "gap") gap();
        else if (message.data) heard(message.event, JSON.parse(message.data));
      }
    } catch {
      // It is tried again below, whatever went wrong.
    }
    if (signal.aborted) return;
    state("off");
    await new Promise((done) => setTimeout(done, pause));
    pause = Math.min(pause * 2, LONGEST_PAUSE);
  }
}

async function* messages(body) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let held = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    held += value;
    const blocks = held.split(/\r?\n\r?\n/);
    held = blocks.pop();
    for (const block of blocks) {
      const message = { event: "message", id: "", data: "" };
      for (const line of block.split(/\r?\n/)) {
        const [, field, text] = /^(\w+): ?(.*)$/.exec(line) ?? [];
        if (field === "data") message.data += (message.data ? "\n" : "") + text;
        else if (field) message[field] = text;
      }
      yield message;
    }
  }
}
