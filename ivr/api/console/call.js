// One call in full: where it is in its flow, whom it is with, and what can be done with it.

import { get } from "./api.js";
import { hangUp, move } from "./asking.js";
import { agents, calls, changed, may, me, onEvent, queues, signedIn, Source } from "./data.js";
import { clock, counting, day, h, tag } from "./dom.js";
import { state, withWhom } from "./calls.js";
import { causeName, plural } from "./words.js";

const PAUSE = 300; // milliseconds between two looks at a call of which something was heard

let shown = "";
const one = new Source(async () => get(`/v1/calls/${encodeURIComponent(shown)}`), PAUSE);
onEvent((type, event) => {
  if (type === "forget") one.forget();
  if (type === "gap" || (one.value && event.call === one.value.id)) one.touch();
});

// Drawings

const drawings = new Map();
const DRAWN = ["g", "path", "polygon", "polyline", "ellipse", "text"];

async function draw(key, path) {
  drawings.set(key, "asked");
  try {
    const told = await get(path);
    const svg = document.importNode(new DOMParser().parseFromString(told.svg, "image/svg+xml").documentElement, true);
    for (const element of svg.querySelectorAll(`:not(${DRAWN.join(",")})`)) element.remove(); // titles, which are names of dot's
    svg.setAttribute("aria-hidden", "true");
    drawings.set(key, { svg, ids: told.ids });
  } catch (problem) {
    drawings.set(key, problem);
    if (problem.status === 0) drawings.delete(key);
  }
  changed();
}

// The place of a call: its step within the flow that it began with, and whether it is there now.
function placed(found, up) {
  const steps = found.path ?? [];
  const own = steps.filter((step) => step.flow === found.flow || !step.flow);
  return { steps, own, at: own.at(-1)?.element, here: up && steps.at(-1) === own.at(-1) };
}

function drawing(found, up) {
  if (!found.flow || !found.flow_number) return h("p", { class: "pad muted" }, "This flow is made for the call alone; it has no drawing.");
  const key = `${found.flow} ${found.flow_number}`;
  const known = drawings.get(key);
  if (!known) draw(key, `/v1/flows/${encodeURIComponent(found.flow)}/versions/${found.flow_number}/drawing`);
  if (!known || known === "asked") return h("p", { class: "pad muted" }, "The flow is being drawn…");
  if (known instanceof Error) return h("p", { class: "pad muted" }, `The flow cannot be drawn: ${known.message} The way so far stands beside.`);
  const { own, at, here } = placed(found, up);
  return h("div", { class: "drawing", key, "data-own": true, tabindex: "0", role: "img",
    "aria-label": `Drawing of the flow ${found.flow}: ${plural(own.length, "step")} so far, ${here ? "now at" : "last at"} ${at ?? "its begin"}` });
}

function light(frame, { svg, ids }, { own, at, here }) {
  if (frame.firstChild !== svg) frame.replaceChildren(svg);
  const walked = new Set(own.map((step) => ids[step.element]));
  let lit = null;
  for (const node of svg.querySelectorAll(".node")) {
    const now = node.id === ids[at];
    node.classList.toggle("walked", walked.has(node.id));
    node.classList.toggle("here", now && here);
    node.classList.toggle("last", now && !here);
    if (now) lit = node;
  }
  if (lit && frame.dataset.at !== at) {
    frame.dataset.at = at;
    const [box, around] = [lit.getBoundingClientRect(), frame.getBoundingClientRect()];
    frame.scrollTo({
      top: frame.scrollTop + box.top - around.top - (around.height - box.height) / 2,
      left: frame.scrollLeft + box.left - around.left - (around.width - box.width) / 2,
    });
  }
}

// Beside it

function step(entry, now, at) {
  const over = entry.left_at !== null && entry.left_at !== undefined;
  return h("li", { class: now ? "now" : "", key: String(at), "aria-current": now ? "step" : null },
    h("span", { class: "step" }, h("b", {}, entry.element), " ", h("span", { class: "muted small" }, entry.type)),
    h("span", { class: "muted small branch" }, entry.branch && entry.branch !== "next" ? `→ ${entry.branch}` : ""),
    h("span", { class: "small time" }, over ? clock(entry.left_at - entry.entered_at) : now ? counting(entry.entered_at) : ""));
}

const handOff = (entry) => h("li", {}, h("b", {}, (entry.target ?? "").replace(/^(queue|agent|phone):/, "")), " ",
  h("span", { class: "muted" }, [entry.outcome, entry.agent, entry.talk_time ? clock(entry.talk_time) : null].filter(Boolean).join(" · ")));

const facts = (rows) => h("dl", {}, rows.filter(([, value]) => value).map(([name, value]) => [h("dt", {}, name), h("dd", {}, value)]));

function actions(found) {
  if (!may("calls:control")) return signedIn() ? null : h("span", { class: "muted small" }, "Sign in to move or end it.");
  const known = {
    queues: (queues.value?.list ?? []).map(({ id, name }) => [id, name]),
    agents: [...(agents.value?.agents.values() ?? [])].map(({ id, name }) => [id, name]),
  };
  return [h("button", { class: "quiet", onclick: () => move(found, known) }, "Move…"),
    h("button", { class: "bad", onclick: () => hangUp(found) }, "Hang up…")];
}

export const call = {
  title: "Call",
  also: [agents, queues],
  heading: () => (one.value ? `Call ${one.value.short_id}` : "Call"),

  sources(id) {
    if (id !== shown) {
      shown = id;
      one.forget();
    }
    return [one];
  },

  view() {
    const found = one.value;
    const up = found.state ? found.state !== "ended" : !found.ended_at && calls.value?.has(found.id);
    const live = calls.value?.get(found.id);
    const { steps, here } = placed(found, up);
    const drawn = !me.value?.agent || may("agents"); // agents have their own calls, not the flows
    const length = up ? counting(found.started_at, { class: "big" }) : h("span", { class: "big" }, clock((found.ended_at ?? found.started_at) - found.started_at));
    return [
      h("div", { class: "head" },
        h("a", { href: "#calls", class: "back", "aria-label": "All calls" }, "‹ Calls"),
        h("h1", {}, `Call ${found.short_id}`),
        up ? state(found) : tag(`over: ${causeName(found.cause)}`), length, h("span", { class: "grow" }), up ? actions(found) : null),
      h("div", { class: drawn ? "columns" : "narrow" },
        drawn && h("section", { class: "card", "aria-label": "Place in the flow" }, drawing(found, up),
          here || !up ? null : h("p", { class: "note" }, `Now in the flow ${steps.at(-1)?.flow}: ${steps.at(-1)?.element}`)),
        h("div", { class: "stack" },
          h("section", { class: "card pad" }, facts([
            ["From", h("span", { class: "number" }, found.caller || "withheld")], ["To", found.called ? h("span", { class: "number" }, found.called) : null],
            ["With", live ? withWhom(live) : null], ["Line", found.line ?? "guest"], ["Began", day(found.started_at)],
            ["Answered", found.answered_at ? `after ${clock(found.answered_at - found.started_at)}` : "not yet"],
            ["Flow", found.flow ? `${found.flow}${found.flow_number ? `, version ${found.flow_number}` : ""}` : null],
            ["Recordings", may("recordings:read") ? h("a", { href: `#recordings/${found.short_id}` }, "of this call") : null],
          ])),
          found.hand_offs?.length ? h("section", { class: "card pad" }, h("h2", {}, "Hand-offs"), h("ul", { class: "plain" }, found.hand_offs.map(handOff))) : null,
          h("section", { class: "card pad" }, h("h2", {}, "The way so far"),
            h("ol", { class: "path" }, steps.map((entry, at) => step(entry, up && at === steps.length - 1, at)))))),
    ];
  },

  drawn(main) {
    const frame = main.querySelector(".drawing");
    const known = drawings.get(`${one.value.flow} ${one.value.flow_number}`);
    if (frame && known?.svg) light(frame, known, placed(one.value, one.value.state !== "ended" && !one.value.ended_at));
  },
};
