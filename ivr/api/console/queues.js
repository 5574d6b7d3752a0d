// Queues and agents as they are now.

import { agents, callers, calls, changed, may, me, queues as floor } from "./data.js";
import { card, cell, counting, empty, h, row, table, tag } from "./dom.js";
import { condition, percent, plural } from "./words.js";

const SHOWN = 6; // callers of a queue before somebody asks for all of them
const MANY = 12; // agents from which on there is a way to find some of them

const CALLER = { ringing: "rings at", talking: "talks to", callback: "call back", calling_back: "is called back by" };
const opened = new Set();
let wanted = "";
let sort = "";

const figure = (value, name, more = "") => h("div", { class: more }, h("dd", {}, value ?? "–"), h("dt", {}, name));

function caller(entry, at, target) {
  const call = calls.value?.get(entry.caller);
  const who = entry.agents.map((name) => agents.value?.agents.get(name)?.name ?? name).join(", ");
  return h("li", { key: entry.caller || entry.callback },
    h("span", { class: "muted place" }, entry.position ? `${entry.position}.` : "·"),
    h("span", { class: "grow" },
      entry.caller ? call?.caller === "xxxx" ? "caller" : h("a", { href: `#calls/${encodeURIComponent(entry.caller)}` }, call?.caller || "withheld") : "is to be called back",
      h("span", { class: "muted small" }, [
        call ? `call ${call.short_id}` : null, entry.priority !== 5 ? `priority ${entry.priority}` : null,
        entry.state === "waiting" ? null : `${CALLER[entry.state] ?? entry.state} ${who}`.trim(),
      ].filter(Boolean).map((text) => ` · ${text}`))),
    counting(at - entry.waited, {}, entry.state === "waiting" ? target : null));
}

function queue({ id, name, now: state, settings }, at) {
  const today = state.today ?? {};
  const { answer_within: target } = settings.service_level ?? state.target;
  const found = callers(id).value ?? { rows: [], at };
  const inside = found.rows.filter((entry) => entry.state !== "talking");
  const rows = opened.has(id) ? inside : inside.slice(0, SHOWN);
  const toggle = () => { opened.has(id) ? opened.delete(id) : opened.add(id); changed(); };
  const level = today.service_level;
  return h("section", { class: "card pad", key: id, "aria-label": `Queue ${name}` },
    h("div", { class: "row" }, h("h2", { class: "grow" }, name),
      state.talking ? tag(`${state.talking} talking`, "talk") : null, state.open === false ? tag("closed", "warn") : null),
    h("dl", { class: "figures" },
      figure(state.waiting, "waiting"),
      figure(state.waiting ? counting(at - state.longest_wait, {}, target) : "0:00", "longest wait"),
      figure([String(state.agents?.free ?? 0), h("small", {}, ` of ${state.agents?.logged_in ?? 0}`)], "agents free"),
      figure(percent(level) ?? "–", `within ${target} s`, level !== null && level !== undefined && level * 100 < (settings.service_level ?? state.target).percent ? "below" : ""),
      figure(today.answered ?? 0, "answered today"),
      figure(today.abandoned ?? 0, "gave up today")),
    rows.length ? h("ol", { class: "waiting", "aria-label": `Callers in ${name}` }, rows.map((entry) => caller(entry, found.at, target))) : null,
    inside.length > SHOWN ? h("button", { class: "more", "aria-expanded": String(opened.has(id)), onclick: toggle },
      opened.has(id) ? "Show fewer" : `and ${inside.length - SHOWN} more`) : null);
}

function agent(entry) {
  const { kind, word } = condition(entry);
  const { caller: id, queue: at, reachable } = entry.now;
  const today = entry.now.today ?? {}; // agents do not see that of others
  const call = calls.value?.get(id);
  const own = may("agents") || me.value?.agent === entry.id || !me.value?.name;
  return row({ key: entry.id },
    cell("who", h("span", { class: `dot ${kind}`, "aria-hidden": "true" }),
      h("span", {}, own ? h("a", { href: `#desk/${encodeURIComponent(entry.id)}` }, entry.name) : h("b", {}, entry.name),
        entry.title ? h("span", { class: "muted small" }, ` ${entry.title}`) : null)),
    cell("state", tag(word, kind), reachable === false && entry.now.group !== "unavailable" && kind !== "off" ? h("span", { class: "muted small" }, " no phone") : null),
    cell(id ? "call" : "call none", id ? [call ? h("a", { href: `#calls/${encodeURIComponent(id)}` }, `call ${call.short_id}`) : "call", at ? h("span", { class: "muted" }, ` ${at}`) : null] : h("span", { class: "muted" }, "–")),
    cell("num time", counting(entry.since)),
    cell("num figure", h("span", {}, today.answered ?? "–"), h("span", { class: "muted small label" }, " answered")),
    cell("num figure", h("span", {}, today.missed ?? "–"), h("span", { class: "muted small label" }, " missed")),
    cell("num figure", h("span", {}, percent(today.occupancy) ?? "–"), h("span", { class: "muted small label" }, " busy")));
}

// How many are what; each is a button that shows only those.
function chips(all) {
  const counts = new Map();
  for (const entry of all) {
    const { sort: key, kind, word } = condition(entry);
    const found = counts.get(key) ?? { kind, word, count: 0 };
    found.count += 1;
    counts.set(key, found);
  }
  const choose = (key) => () => { sort = sort === key ? "" : key; changed(); };
  return h("div", { class: "chips", role: "group", "aria-label": "Agents by what they do" },
    h("button", { class: "chip", key: "", "aria-pressed": String(!sort), onclick: choose(sort) }, "All ", h("b", {}, String(all.length))),
    ["available", "ringing", "reserved", "in_call", "on_other_call", "wrapping", "busy", "away", "unreachable", "unavailable"].filter((key) => counts.has(key) || key === sort).map((key) => {
      const { kind, word, count } = counts.get(key) ?? { kind: "off", word: key, count: 0 };
      return h("button", { class: "chip", key, "aria-pressed": String(sort === key), onclick: choose(key) },
        h("span", { class: `dot ${kind}`, "aria-hidden": "true" }), ["busy", "away"].includes(key) ? key.charAt(0).toUpperCase() + key.slice(1) : word, " ", h("b", {}, String(count)));
    }));
}

function people() {
  const all = [...agents.value.agents.values()];
  if (!all.length) return card(empty("No agents", "They stand under agents in ivr.yaml, or are made over HTTP."));
  const text = ({ id, name, title, now: { status, queues } }) => [id, name, title, status, ...(queues ?? [])].join(" ").toLowerCase();
  const found = all.filter((entry) => (!sort || condition(entry).sort === sort) && (!wanted || text(entry).includes(wanted)));
  const find = (event) => { wanted = event.target.value.trim().toLowerCase(); changed(); };
  return [
    h("div", { class: "head" }, chips(all), h("span", { class: "grow" }),
      all.length > MANY ? h("input", { type: "search", placeholder: "Name or queue…", "aria-label": "Find agents", oninput: find }) : null),
    found.length
      ? table("Agents", [["Agent", ""], ["State", ""], ["Call", ""], ["For", "num"], ["Answered", "num"], ["Missed", "num"], ["Occupancy", "num"]], found.map(agent))
      : card(empty("Nobody", "No agent is that now.")),
  ];
}

export const queues = {
  title: "Queues",
  sources: () => [floor, agents],

  view() {
    const { list, at } = floor.value;
    const shown = list.length > 1 ? list.filter(({ id, now: state }) => id !== "default" || state.waiting || state.talking || state.today?.offered) : list;
    const waiting = list.reduce((sum, { now: state }) => sum + state.waiting, 0);
    return [
      h("div", { class: "head" }, h("h1", {}, "Queues"), h("span", { class: "muted" }, waiting ? `${plural(waiting, "caller")} waiting` : "nobody waits")),
      h("div", { class: "cards" }, shown.map((entry) => queue(entry, at))),
      h("h1", { class: "below" }, "Agents"), people(),
    ];
  },
};
