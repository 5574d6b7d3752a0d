// Calls in progress with their place in the flow, and one of them in full.

import { get, send } from "./api.js";
import { clock, counting, day, empty, h, say, show, tag } from "./dom.js";

const SHOWN = 100;

const place = (call) =>
  h("span", { class: "place" }, call.flow ?? "", call.element ? h("em", {}, `› ${call.element}`) : "");

const state = (call) => (call.answered_at ? tag("answered", "talk") : tag("ringing", "ring"));

function line(call) {
  const open = () => { location.hash = `#calls/${encodeURIComponent(call.id)}`; };
  return h("tr", { class: "link", onclick: open },
    h("td", { class: "num" }, h("a", { href: `#calls/${encodeURIComponent(call.id)}` }, String(call.short_id))),
    h("td", {}, call.caller || h("span", { class: "muted" }, "withheld"), h("span", { class: "muted" }, " → "), call.called ?? ""),
    h("td", {}, call.line ?? h("span", { class: "muted" }, "guest")),
    h("td", {}, place(call)),
    h("td", {}, state(call)),
    h("td", { class: "num" }, counting(call.started_at)));
}

export const calls = {
  title: "Calls",
  wants: /^call\./,

  async render(main) {
    const { calls: found } = await get("/v1/calls");
    const rows = found.slice(-SHOWN).reverse();
    show(main, h("h1", {}, "Calls in progress"),
      rows.length
        ? h("div", { class: "card scroll" }, h("table", {},
            h("thead", {}, h("tr", {}, ["Call", "From → to", "Line", "Place in the flow", "State", "Time"].map((name, at) =>
              h("th", { class: at === 0 || at === 5 ? "num" : "" }, name)))),
            h("tbody", {}, rows.map(line))))
        : h("div", { class: "card" }, empty("No calls", "They appear here the moment they come in.")),
      found.length > SHOWN ? h("p", { class: "muted" }, `and ${found.length - SHOWN} older ones`) : null);
  },
};

function step(entry, now) {
  const details = entry.left_at === null || entry.left_at === undefined ? "" : ` ${clock(entry.left_at - entry.entered_at)}`;
  return h("li", { class: now ? "now" : "" }, h("b", {}, entry.element), " ",
    h("span", { class: "muted small" }, entry.type, details, entry.branch ? ` → ${entry.branch}` : ""));
}

async function drawing(call, element) {
  if (!call.flow || !call.flow_number) return null;
  const path = `/v1/flows/${encodeURIComponent(call.flow)}/versions/${call.flow_number}/drawing`;
  const told = await get(path).catch(() => null);
  if (!told) return null;
  const parsed = new DOMParser().parseFromString(told.svg, "image/svg+xml").documentElement;
  const svg = document.importNode(parsed, true);
  svg.querySelector(`[id="${CSS.escape(told.ids[element] ?? "")}"]`)?.classList.add("here");
  return h("div", { class: "card drawing", "aria-label": `The flow ${call.flow}, at ${element ?? "its end"}` }, svg);
}

async function ask(path, body, done) {
  try {
    await send("POST", path, body);
    say(done);
  } catch (problem) {
    say(problem.message);
  }
}

export const call = {
  title: "Call",
  wants: /^call\./,

  async render(main, id) {
    const found = await get(`/v1/calls/${encodeURIComponent(id)}`);
    const up = found.state === "ringing" || found.state === "answered";
    const steps = found.path ?? [];
    const at = up ? steps.at(-1)?.element : null;
    const own = `/v1/calls/${encodeURIComponent(found.id)}`;
    const target = h("input", { placeholder: "phone, number or queue:NAME", "aria-label": "Transfer to", size: 26 });
    const transfer = (event) => {
      event.preventDefault();
      const to = target.value.trim();
      if (!to) return;
      ask(`${own}/transfer`, to.startsWith("queue:") ? { queue: to.slice(6) } : { to }, "The call is transferred.");
    };
    show(main,
      h("div", { class: "row" }, h("h1", { class: "grow" }, `Call ${found.short_id}`),
        up ? [
          h("form", { class: "row", onsubmit: transfer }, target, h("button", { class: "quiet" }, "Transfer")),
          h("button", { class: "bad", onclick: () => ask(`${own}/hangup`, {}, "The call is ended.") }, "Hang up"),
        ] : tag(found.cause ?? found.state ?? "over")),
      h("div", { class: "columns" },
        h("div", { class: "stack" },
          await drawing(found, at)
            ?? h("div", { class: "card pad muted" }, "The flow's drawing is not to be had: it needs graphviz on the host, and a flow of the folder.")),
        h("div", { class: "stack" },
          h("section", { class: "card pad" }, h("dl", {},
            [["From", found.caller || "withheld"], ["To", found.called], ["Line", found.line ?? "guest"],
              ["Began", day(found.started_at)], ["Answered", found.answered_at ? day(found.answered_at) : "not yet"],
              ["Flow", `${found.flow ?? ""}${found.flow_number ? ` (version ${found.flow_number})` : ""}`],
            ].map(([name, value]) => [h("dt", {}, name), h("dd", {}, value ?? "")]))),
          h("section", { class: "card pad" }, h("h2", {}, "The way so far"),
            h("ol", { class: "path" }, steps.map((entry, index) => step(entry, up && index === steps.length - 1)))))));
    const here = main.querySelector(".drawing .here");
    const frame = here?.closest(".drawing");
    if (frame) frame.scrollTop += here.getBoundingClientRect().top - frame.getBoundingClientRect().top - frame.clientHeight / 2;
  },
};
