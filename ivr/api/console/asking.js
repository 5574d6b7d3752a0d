// Asking before something is done that cannot be taken back.

import { send } from "./api.js";
import { h, say, show } from "./dom.js";

const dialog = document.getElementById("asking");

// A question with fields and a button that does it. `act()` may throw a problem, which is shown where it is asked.
export function ask({ title, text, fields = [], button, bad = false, act }) {
  const fault = h("p", { class: "fault", role: "alert" });
  const go = h("button", { type: "submit", class: bad ? "bad" : "" }, button);
  const submit = async (event) => {
    event.preventDefault();
    go.disabled = true;
    try {
      await act();
      dialog.close();
    } catch (problem) {
      fault.textContent = problem.message;
    }
    go.disabled = false;
  };
  dialog.replaceChildren(h("form", { method: "dialog", onsubmit: submit },
    h("h2", { id: "asking-title" }, title), text ? h("p", {}, text) : null, fields, fault,
    h("menu", {}, h("button", { type: "button", class: "quiet", onclick: () => dialog.close() }, "Cancel"), go)));
  dialog.showModal();
  (dialog.querySelector("input, select") ?? dialog.querySelector("menu button")).focus();
}

const own = (call, word) => `/v1/calls/${encodeURIComponent(call.id)}/${word}`;

export const hangUp = (call) => ask({
  title: `Hang up call ${call.short_id}?`,
  text: `${call.caller || "The caller"} is cut off at once.`,
  button: "Hang up",
  bad: true,
  act: async () => { await send("POST", own(call, "hangup")); say(`Call ${call.short_id} is ended.`); },
});

const KINDS = [["queue", "a queue"], ["agent", "an agent"], ["to", "a phone or number"], ["flow", "a flow"], ["ai_agent", "an AI agent"], ["application", "a voice application"]];

// Where a call is to go. `queues` and `agents` are those to choose from, as `[id, name]`.
export function move(call, { queues, agents }) {
  const known = { queue: queues, agent: agents };
  const kind = h("select", {}, KINDS.filter(([id]) => known[id]?.length !== 0).map(([id, name]) => h("option", { value: id }, name)));
  const place = h("div", {});
  const fill = () => show(place, h("label", { key: kind.value }, known[kind.value] ? "Which one" : kind.value === "to" ? "Which one (200, +4930…)" : "Its name",
    known[kind.value]
      ? h("select", { "data-own": true }, known[kind.value].map(([id, name]) => h("option", { value: id }, name)))
      : h("input", { required: true, autocomplete: "off", spellcheck: "false" })));
  kind.addEventListener("change", fill);
  fill();
  ask({
    title: `Move call ${call.short_id}`,
    text: "It leaves what it is at; where nobody takes it, it comes back there.",
    fields: [h("label", {}, "To", kind), place],
    button: "Move the call",
    act: async () => {
      const wanted = place.querySelector("select, input").value.trim();
      const body = kind.value === "agent" ? { to: `agent:${wanted}` } : { [kind.value]: wanted };
      await send("POST", own(call, "transfer"), body);
      say(`Call ${call.short_id} is on its way.`);
    },
  });
}
