// Elements made of text and other elements. Nothing that comes from a call is ever read as markup.

const HEARD = Symbol("heard");
const KEY = Symbol("key");

const hear = (event) => event.currentTarget[HEARD]?.[event.type]?.(event);

function listen(element, handlers) {
  for (const name of Object.keys(handlers)) if (!element[HEARD]?.[name]) element.addEventListener(name, hear);
  element[HEARD] = handlers;
}

// `onclick: f` listens, `key` tells an element from its likes among its brothers, everything else is an attribute.
export function h(tag, props = {}, ...children) {
  const element = document.createElement(tag);
  const handlers = {};
  for (const [name, value] of Object.entries(props)) {
    if (value === undefined || value === null || value === false) continue;
    if (name === "key") element[KEY] = String(value);
    else if (name.startsWith("on")) handlers[name.slice(2)] = value;
    else element.setAttribute(name, value === true ? "" : value);
  }
  listen(element, handlers);
  element.append(...flat(children));
  return element;
}

const flat = (children) => children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false && child !== "");

// Makes `place` hold these children, and changes only what differs: what has the focus, is scrolled or plays stays so.
export function show(place, ...children) {
  const wanted = flat(children).map((child) => (child instanceof Node ? child : document.createTextNode(String(child))));
  const keys = new Map(wanted.filter((node) => node[KEY] !== undefined).map((node) => [node[KEY], node]));
  const kept = new Map();
  for (const node of [...place.childNodes]) {
    if (node[KEY] === undefined) continue;
    if (keys.has(node[KEY])) kept.set(node[KEY], node);
    else node.remove();
  }
  let at = place.firstChild;
  for (const fresh of wanted) {
    const old = fresh[KEY] !== undefined ? kept.get(fresh[KEY]) : at && at[KEY] === undefined ? at : undefined;
    if (old && old.nodeName === fresh.nodeName) {
      if (old === at) at = at.nextSibling;
      else place.insertBefore(old, at);
      merge(old, fresh);
    } else {
      const gone = old;
      if (gone && gone === at) at = at.nextSibling;
      gone?.remove();
      place.insertBefore(fresh, at);
    }
  }
  while (at) {
    const next = at.nextSibling;
    at.remove();
    at = next;
  }
}

function merge(old, fresh) {
  if (old === fresh) return;
  if (old.nodeType === Node.TEXT_NODE) {
    if (old.data !== fresh.data) old.data = fresh.data;
    return;
  }
  for (const { name } of [...old.attributes]) if (!fresh.hasAttribute(name)) old.removeAttribute(name);
  for (const { name, value } of fresh.attributes) if (old.getAttribute(name) !== value) old.setAttribute(name, value);
  listen(old, fresh[HEARD] ?? {});
  if (!fresh.hasAttribute("data-own")) show(old, ...fresh.childNodes); // what is in such a one is its maker's affair
}

// Time

let skew = 0; // seconds that the daemon's clock is ahead of ours, as far as that is worth speaking of
export function serverTime(date) {
  const ahead = Date.parse(date) / 1000 - Date.now() / 1000;
  if (Number.isFinite(ahead)) skew = Math.abs(ahead) > 3 ? ahead : 0;
}
export const now = () => Date.now() / 1000 + skew;

export function clock(seconds) {
  if (seconds === null || seconds === undefined || Number.isNaN(seconds)) return "";
  const whole = Math.max(0, Math.floor(seconds));
  const [hours, minutes, rest] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  const two = (number) => String(number).padStart(2, "0");
  return hours ? `${hours}:${two(minutes)}:${two(rest)}` : `${minutes}:${two(rest)}`;
}

// A time that counts up from `since`, or down to `until` (seconds of the epoch), while it is shown; after `target`
// seconds it is too long.
export const counting = (since, more = {}, target = null) => {
  if (!since) return "";
  const found = h("time", { ...more, "data-since": since.toFixed(1), "data-target": target }, clock(now() - since));
  judge(found);
  return found;
};
const LATE = "longer than the queue aims at";
function judge(element) {
  const { since, target } = element.dataset;
  if (target === undefined || element.classList.contains("late") === now() - Number(since) > Number(target)) return;
  element.title = element.classList.toggle("late") ? LATE : "";
}
export const remaining = (until) => h("time", { "data-until": until.toFixed(1) }, clock(Math.ceil(until - now())));

export function tick() {
  for (const element of document.querySelectorAll("time[data-since], time[data-until]")) {
    const { since, until } = element.dataset;
    const text = clock(since ? now() - Number(since) : Math.ceil(Number(until) - now()));
    if (element.textContent !== text) element.firstChild.data = text;
    judge(element);
  }
}

export const day = (at) =>
  at ? new Date(at * 1000).toLocaleString([], { dateStyle: "medium", timeStyle: "short" }) : "";
export const hour = (at) => new Date(at * 1000).toLocaleTimeString([], { timeStyle: "short" });

// Parts of pages

export const tag = (text, kind = "") => h("span", { class: `tag ${kind}`.trim() }, text);

export const card = (...children) => h("div", { class: "card" }, ...children);

export const empty = (title, text, more = null) =>
  h("div", { class: "empty" }, h("b", {}, title), h("p", {}, text), more);

// A table whose rows become blocks on narrow screens; it stays a table for those who hear it.
export const table = (label, heads, rows) =>
  h("div", { class: "card scroll" }, h("table", { role: "table", "aria-label": label },
    h("thead", { role: "rowgroup" }, h("tr", { role: "row" },
      heads.map(([name, kind]) => h("th", { class: kind, role: "columnheader", scope: "col" }, name || h("span", { class: "unseen" }, "Actions"))))),
    h("tbody", { role: "rowgroup" }, rows)));
export const row = (props, ...cells) => h("tr", { ...props, role: "row" }, ...cells);
export const cell = (kind, ...children) => h("td", { class: kind, role: "cell" }, ...children);

// What is said aside

const toast = document.getElementById("toast");
let hiding;
export function say(text, kind = "") {
  toast.textContent = text;
  toast.className = `toast ${kind}`.trim();
  toast.hidden = false;
  clearTimeout(hiding);
  hiding = setTimeout(() => { toast.hidden = true; }, 6000);
}

const spoken = document.getElementById("spoken");
// For those who hear the page.
export function speak(text) {
  if (spoken.textContent !== text) spoken.textContent = text;
}
