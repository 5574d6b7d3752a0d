// Queues and agents as they are now.

import { get } from "./api.js";
import { ago, clock, counting, empty, h, show, tag } from "./dom.js";

const GROUPS = { available: "good", busy: "warn", away: "warn", unavailable: "" };
const PHASES = {
  ringing: ["ring", "ringing"], reserved: ["ring", "about to be rung"], in_call: ["talk", "in a call"],
  on_other_call: ["talk", "on another call"], wrapping: ["warn", "wrapping up"],
};
const CALLER = { waiting: "", ringing: "rings", talking: "talks", callback: "call back", calling_back: "is called back" };

const figure = (value, name) => h("div", {}, h("b", {}, value ?? "–"), h("span", {}, name));
const percent = (share) => (share === null || share === undefined ? null : `${Math.round(share * 100)} %`);

// What an agent is and does, as a coloured word; `since` counts up beside it.
export function condition(agent) {
  const { status, group, phase, reachable } = agent.now;
  const away = group === "available" && reachable === false;
  const [kind, word] = PHASES[phase] ?? [away ? "" : GROUPS[group] ?? "", status ?? "unknown"];
  return { kind, word };
}

function caller(row, numbers) {
  return h("li", {},
    h("span", { class: "muted" }, row.position ? `${row.position}.` : "·"),
    h("span", { class: "grow" },
      row.caller ? h("a", { href: `#calls/${encodeURIComponent(row.caller)}` }, `call ${numbers.get(row.caller) ?? ""}`) : "call back",
      row.priority !== 5 ? h("span", { class: "muted small" }, ` priority ${row.priority}`) : null),
    row.state === "waiting" ? null : h("span", { class: "small muted" }, `${CALLER[row.state] ?? row.state} ${row.agents.join(", ")}`),
    h("span", {}, counting(ago(row.waited))));
}

function queue(entry, rows, numbers) {
  const { now } = entry;
  const today = now.today ?? {};
  const inside = rows.filter((row) => row.state !== "talking");
  const aim = entry.settings.service_level;
  return h("section", { class: "card pad" },
    h("div", { class: "row" }, h("h2", { class: "grow" }, entry.name), now.open === false ? tag("closed", "warn") : null),
    h("div", { class: "figures" },
      figure(now.waiting, "waiting"),
      figure(now.longest_wait ? clock(now.longest_wait) : "0:00", "longest wait"),
      figure(now.agents?.free, "agents free"),
      figure(percent(today.service_level), `in ${aim.answer_within} s`),
      figure(today.answered ?? 0, "answered today"),
      figure(today.abandoned ?? 0, "gave up today")),
    inside.length ? h("ol", { class: "waiting" }, inside.map((row) => caller(row, numbers))) : null);
}

function agent(entry) {
  const { kind, word } = condition(entry);
  const today = entry.now.today ?? {};
  return h("tr", {},
    h("td", {}, h("span", { class: `dot ${kind}` }), " ", h("a", { href: `#desk/${encodeURIComponent(entry.id)}` }, entry.name),
      entry.title ? h("span", { class: "muted small" }, ` ${entry.title}`) : null),
    h("td", {}, tag(word, kind), entry.now.queue ? h("span", { class: "muted small" }, ` ${entry.now.queue}`) : null,
      entry.now.reachable === false ? h("span", { class: "muted small" }, " phone not registered") : null),
    h("td", { class: "num" }, counting(ago(entry.now.since_seconds))),
    h("td", { class: "num" }, today.answered ?? 0),
    h("td", { class: "num" }, today.missed ?? 0),
    h("td", { class: "num" }, percent(today.occupancy) ?? ""));
}

export const queues = {
  title: "Queues",
  wants: /^(queue|agent|callback)\./,

  async render(main) {
    const [{ queues: found }, { agents }, { calls }] = await Promise.all(["queues", "agents", "calls"].map((name) => get(`/v1/${name}`)));
    const numbers = new Map(calls.map((call) => [call.id, call.short_id]));
    const shown = found.length > 1 ? found.filter(({ id, now }) => id !== "default" || now.waiting || now.today?.offered) : found;
    const rows = await Promise.all(shown.map((entry) => get(`/v1/queues/${encodeURIComponent(entry.id)}/callers`)));
    show(main, h("h1", {}, "Queues"),
      h("div", { class: "cards" }, shown.map((entry, index) => queue(entry, rows[index].callers, numbers))),
      h("h1", { class: "below" }, "Agents"),
      agents.length
        ? h("div", { class: "card scroll" }, h("table", {},
            h("thead", {}, h("tr", {}, ["Agent", "State", "For", "Answered", "Missed", "Occupancy"].map((name, at) =>
              h("th", { class: at > 1 ? "num" : "" }, name)))),
            h("tbody", {}, agents.map(agent))))
        : h("div", { class: "card" }, empty("No agents", "They stand under agents in ivr.yaml, or are made over HTTP.")));
  },
};
