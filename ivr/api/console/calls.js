// Calls in progress with their place in the flow.

import { agents, calls as live, changed, may, party } from "./data.js";
import { card, cell, counting, empty, h, row, tag, table } from "./dom.js";
import { typeName } from "./words.js";

const SHOWN = 100; // more than that nobody reads; the field finds the others

let wanted = "";

const place = (call) => h("span", { class: "place" },
  h("b", {}, call.element ?? "…"),
  h("span", { class: "muted" }, [call.element_flow ?? call.flow, typeName(call.element_type)].filter(Boolean).join(" · ")));

export function withWhom(call) {
  const found = party(call);
  if (!found) return h("span", { class: "muted" }, call.element_type === "transfer_to_agent" ? "waits" : "–");
  return [found.state === "rings" ? tag("rings", "ring") : null,
    found.agent ? h("a", { href: `#desk/${encodeURIComponent(found.agent)}` }, found.name) : found.name];
}

export const state = (call) =>
  call.answered_at ? tag("answered", "talk") : tag(call.direction === "outbound" ? "being called" : "ringing", "ring");

const HIDDEN = "xxxx"; // of callers who are not the agent's who looks

export const number = (text, none) => text === HIDDEN ? h("span", { class: "muted" }, "hidden") : h("span", { class: "number" }, text || none);

function line(call) {
  const hidden = call.caller === HIDDEN;
  const address = `#calls/${encodeURIComponent(call.id)}`;
  const open = (event) => { if (!event.target.closest("a")) location.hash = address; };
  return row(hidden ? { key: call.id } : { class: "link", key: call.id, onclick: open },
    cell("num id", hidden ? String(call.short_id ?? "–") : h("a", { href: address, "aria-label": `Call ${call.short_id ?? ""}` }, String(call.short_id ?? "–"))),
    cell("people", number(call.caller, "withheld"), h("span", { class: "muted" }, " → "), number(call.called, "")),
    cell("line muted", call.line ?? "guest"),
    cell("where", place(call)),
    cell(party(call) ? "party" : "party none", withWhom(call)),
    cell("state", state(call)),
    cell("num time", counting(call.started_at)));
}

const text = (call) => [call.short_id, call.caller, call.called, call.line, call.flow, call.element_flow, call.element, party(call)?.name].join(" ").toLowerCase();

export const calls = {
  title: "Calls",
  sources: () => [live],
  also: [agents],

  view() {
    const all = [...live.value.values()].reverse();
    const found = wanted ? all.filter((call) => text(call).includes(wanted)) : all;
    const find = (event) => { wanted = event.target.value.trim().toLowerCase(); changed(); };
    return [
      h("div", { class: "head" }, h("h1", {}, "Calls in progress"),
        all.length > 5 || wanted ? h("input", { type: "search", placeholder: "Number, flow, agent…", "aria-label": "Find calls", oninput: find }) : null),
      found.length
        ? table("Calls in progress", [["Call", "num"], ["From → to", ""], ["Line", ""], ["Place in the flow", ""], ["With", ""], ["State", ""], ["Time", "num"]],
          found.slice(0, SHOWN).map(line))
        : card(wanted ? empty("Nothing found", "None of the calls in progress has that in it.")
          : empty("No calls", "They appear here the moment they come in.", may("admin") || !may("agents:self")
            ? h("p", { class: "small" }, "To see one: ", h("code", {}, "ivr demo"), " calls the front desk from a second terminal.") : null)),
      found.length > SHOWN ? h("p", { class: "muted" }, `and ${found.length - SHOWN} older ones; the field above finds them`) : null,
    ];
  },
};
