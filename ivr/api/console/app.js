// The console: one page at a time, drawn anew when something changes that it shows.

import { get, hooks, stream, token } from "./api.js";
import { calls, begin as start, forget, heard, lookAtCallers, may, me, onChange, queues, refresh, signedIn } from "./data.js";
import { card, empty, h, hour, now, say, show, tick } from "./dom.js";
import { call } from "./call.js";
import { calls as list } from "./calls.js";
import { desk } from "./desk.js";
import { queues as floor } from "./queues.js";
import { recordings } from "./recordings.js";

const PAGES = { calls: list, queues: floor, desk, recordings };
const SETTLE = 100; // milliseconds between two drawings: what happens together is drawn once
const main = document.getElementById("main");
const by = (id) => document.getElementById(id);

// Which page

function page() {
  const [name, ...rest] = location.hash.slice(1).split("/").map((part) => { try { return decodeURIComponent(part); } catch { return part; } });
  if (name === "calls" && rest.length) return { name, shown: call, argument: rest[0] };
  return { name: PAGES[name] ? name : "calls", shown: PAGES[name] ?? list, argument: rest[0] };
}

let looking = new Set();
function look() {
  const { name, shown, argument } = page();
  const wanted = new Set([me, calls, ...(me.value?.agent ? [] : [queues]), ...shown.sources(argument), ...(shown.also ?? [])]);
  for (const source of looking) if (!wanted.has(source)) source.wanted = false;
  queues.pause = name === "queues" ? 1000 : 5000;
  lookAtCallers(name === "queues");
  looking = wanted;
  for (const source of wanted) {
    source.wanted = true;
    source.go();
  }
}

const visible = { desk: () => !signedIn() || may("agents") || may("agents:self"), recordings: () => !signedIn() || may("recordings:read") };

// Drawing

let due;
let drawn = 0;
function draw() {
  due = undefined;
  drawn = performance.now();
  look();
  const { name, shown, argument } = page();
  for (const link of document.querySelectorAll("nav a")) {
    if (link.dataset.page === name) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
    link.hidden = me.value ? !(visible[link.dataset.page]?.() ?? true) : false;
  }
  const problem = shown.sources(argument).find((source) => source.value === undefined && source.problem)?.problem;
  const missing = shown.sources(argument).some((source) => source.value === undefined);
  if (problem) show(main, fault(problem));
  else if (missing) show(main, h("p", { class: "muted loading", key: `loading ${name}` }, "One moment…"));
  else {
    try {
      show(main, h("div", { key: location.hash || "#" }, shown.view(argument)));
      shown.drawn?.(main, argument);
    } catch (error) {
      console.error(error);
      show(main, fault({ status: -1, message: `The page has a fault: ${error.message}.` }));
    }
  }
  document.title = `${shown.heading?.(argument) ?? shown.title} · ivr`;
  by("n-calls").textContent = calls.value?.size || "";
  by("n-waiting").textContent = queues.value?.list.reduce((sum, queue) => sum + (queue.now.waiting ?? 0), 0) || "";
  named();
}

function soon() {
  due ??= setTimeout(draw, Math.max(0, SETTLE - (performance.now() - drawn)));
}
onChange(soon);

function fault({ status, message }) {
  if (status === 401 || status === 403) {
    return card(empty(status === 401 ? "Sign in to see this" : "Not for this token", status === 401 ? "It needs a token." : message,
      h("button", { onclick: () => signing() }, status === 401 ? "Sign in" : "Sign in as somebody else")));
  }
  const again = () => looking.forEach((source) => source.touch());
  return card(empty(status === 404 ? "There is no such thing (any more)" : "This cannot be shown", message,
    status === 404 ? null : h("button", { class: "quiet", onclick: again }, "Try again")));
}

let before = location.hash;
addEventListener("hashchange", () => {
  if (location.hash === "#main") {
    history.replaceState(null, "", before || "#calls");
    main.focus();
    return;
  }
  before = location.hash;
  draw();
  main.focus({ preventScroll: true });
  scrollTo(0, 0);
});

setInterval(tick, 500);

// Whether it is live

const bar = by("bar");
let streaming;
let lastLive = 0;
function listen() {
  streaming?.abort();
  streaming = new AbortController();
  stream({ signal: streaming.signal, heard, gap: refresh, state: connected });
}

function connected(state) {
  by("live").className = `live ${state}`;
  by("live").textContent = { on: "live", off: "not connected", refused: "signed out" }[state];
  if (bar.dataset.state === undefined || bar.dataset.state === "") start();
  else if (state === "on") refresh(); // figures that no event tells
  if (state === "off" && bar.dataset.state === "on") lastLive = now();
  tell(state === "off" ? `The daemon does not answer; it is asked again and again.${lastLive ? ` What stands here is of ${hour(lastLive)}.` : ""}` : "", state);
}

function tell(text, state) {
  bar.dataset.state = state;
  bar.hidden = !text;
  bar.textContent = text;
}

// Signing in

const dialog = by("signing");

function named() {
  const known = signedIn() && me.value;
  by("who").textContent = known ? [me.value.name, ...me.value.roles].filter((each, at, all) => all.indexOf(each) === at).join(" · ") : "";
  by("sign-in").textContent = signedIn() ? "Sign out" : "Sign in";
}

export function signing(text = "") {
  by("signing-fault").textContent = text;
  by("token").value = "";
  if (!dialog.open) dialog.showModal();
}

function begin() {
  forget();
  tell("", "");
  listen();
  named();
  draw();
}

by("sign-in").onclick = () => {
  if (!signedIn()) return signing();
  token.set("");
  begin();
  say("Signed out.");
};
by("signing-cancel").onclick = () => dialog.close();

hooks.refused = () => {
  if (dialog.open) return; // it is being tried
  token.set("");
  begin();
  signing("The token is not good any more: it has expired or was taken back.");
};

dialog.querySelector("form").onsubmit = async (event) => {
  event.preventDefault();
  const old = token.get();
  token.set(by("token").value.trim());
  try {
    const found = await get("/v1/me");
    dialog.close();
    begin();
    me.set(found);
    if (found.agent && !found.scopes.includes("agents") && page().name !== "desk") location.hash = "#desk";
  } catch (problem) {
    token.set(old);
    by("signing-fault").textContent = problem.message;
    by("token").select();
  }
};

named();
listen();
draw();
