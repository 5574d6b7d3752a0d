// Elements made of text and other elements. Nothing that comes from a call is ever read as markup.

export function h(tag, props = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(props)) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name === "class") element.className = value;
    else if (name === "dataset") Object.assign(element.dataset, value);
    else if (name in element && name !== "list" && typeof value !== "string") element[name] = value;
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

export const show = (place, ...children) => place.replaceChildren(...children.flat(Infinity).filter(Boolean));

export function clock(seconds) {
  if (seconds === null || seconds === undefined || Number.isNaN(seconds)) return "";
  const whole = Math.max(0, Math.floor(seconds));
  const [hours, minutes, rest] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  const two = (number) => String(number).padStart(2, "0");
  return hours ? `${hours}:${two(minutes)}:${two(rest)}` : `${minutes}:${two(rest)}`;
}

// A time that counts up while it is shown, from `since` (seconds of the epoch).
export const counting = (since) =>
  since ? h("time", { dataset: { since: String(since) } }, clock(Date.now() / 1000 - since)) : "";

// The moment that was so many seconds before now.
export const ago = (seconds) => Date.now() / 1000 - (seconds ?? 0);

export const day = (at) =>
  at ? new Date(at * 1000).toLocaleString([], { dateStyle: "medium", timeStyle: "short" }) : "";

export const tag = (text, kind = "") => h("span", { class: `tag ${kind}` }, text);

export const empty = (title, text) => h("div", { class: "empty" }, h("b", {}, title), text);

const toast = document.getElementById("toast");
let hiding;
export function say(text) {
  toast.textContent = text;
  toast.hidden = false;
  clearTimeout(hiding);
  hiding = setTimeout(() => { toast.hidden = true; }, 6000);
}

setInterval(() => {
  const now = Date.now() / 1000;
  for (const element of document.querySelectorAll("time[data-since]")) element.textContent = clock(now - Number(element.dataset.since));
}, 1000);
