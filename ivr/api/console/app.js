// The console: one page at a time, drawn anew when something happens that it shows.

import { get, stream, token } from "./api.js";
import { empty, h, say, show } from "./dom.js";
import { call, calls } from "./calls.js";
import { desk } from "./desk.js";
import { queues } from "./queues.js";
import { recordings } from "./recordings.js";

const PAGES = { calls, queues, desk, recordings };
const SETTLE = 250; // milliseconds in which what happens together is drawn once
const LOOK = 10000; // between looks at what no event tells

const main = document.getElementById("main");
const live = document.getElementById("live");
let drawing = false;
let again = false;
let due = 0;

function page() {
  const [name, ...rest] = location.hash.slice(1).split("/").map(decodeURIComponent);
  if (name === "calls" && rest.length) return { name, shown: call, argument: rest[0] };
  if (name === "desk" && rest.length) return { name, shown: desk, argument: rest[0] };
  return { name: PAGES[name] ? name : "calls", shown: PAGES[name] ?? calls, argument: undefined };
}

async function draw() {
  if (drawing) {
    again = true;
    return;
  }
  drawing = true;
  const { name, shown, argument } = page();
  for (const link of document.querySelectorAll("nav a")) {
    if (link.dataset.page === name) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  document.title = `${shown.title} · ivr`;
  try {
    await shown.render(main, argument);
    await counts();
  } catch (problem) {
    const signing = problem.status === 401 || problem.status === 403;
    show(main, h("div", { class: "card" },
      empty(signing ? "Sign in to see this" : "This cannot be shown", signing ? `${problem.message}.` : problem.message)));
  }
  drawing = false;
  if (again) {
    again = false;
    soon();
  }
}

function soon() {
  clearTimeout(due);
  due = setTimeout(draw, SETTLE);
}

async function counts() {
  const [found, known] = await Promise.all([get("/v1/calls").catch(() => null), get("/v1/queues").catch(() => null)]);
  document.getElementById("n-calls").textContent = found?.calls.length || "";
  document.getElementById("n-waiting").textContent = known?.queues.reduce((sum, queue) => sum + (queue.now.waiting ?? 0), 0) || "";
}

// Typing and listening are not to be disturbed.
const busy = () => {
  const at = document.activeElement;
  return page().shown.calm || (main.contains(at) && ["INPUT", "SELECT"].includes(at.tagName));
};

addEventListener("hashchange", () => { main.focus({ preventScroll: true }); draw(); });

let streaming;
function listen() {
  streaming?.abort();
  streaming = new AbortController();
  stream({
    signal: streaming.signal,
    heard: (type) => { if (page().shown.wants.test(type) && !busy()) soon(); else counts(); },
    gap: () => { if (!busy()) soon(); },
    state: (now) => {
      live.className = `live ${now}`;
      live.textContent = now === "on" ? "live" : "not connected";
    },
  });
}

setInterval(() => { if (!document.hidden && !busy()) soon(); }, LOOK);

// Signing in

const dialog = document.getElementById("signing");
const field = document.getElementById("token");
const fault = document.getElementById("signing-fault");
const button = document.getElementById("sign-in");

const named = () => { button.textContent = token.get() ? "Signed in" : "Sign in"; };

button.onclick = () => { fault.textContent = ""; field.value = ""; dialog.showModal(); };
document.getElementById("signing-cancel").onclick = () => dialog.close();
document.getElementById("sign-out").onclick = () => { token.set(""); dialog.close(); named(); listen(); draw(); };
dialog.querySelector("form").onsubmit = async (event) => {
  event.preventDefault();
  const before = token.get();
  token.set(field.value.trim());
  try {
    await get("/v1/calls");
    dialog.close();
    named();
    say("Signed in for as long as this tab is open.");
    listen();
    draw();
  } catch (problem) {
    if (problem.status === 401) {
      token.set(before);
      fault.textContent = problem.message;
    } else {
      dialog.close();
      named();
      draw();
    }
  }
};

named();
listen();
draw();
