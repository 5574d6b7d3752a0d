// An agent's desk: status, the call that rings or goes on with what is known of it, wrapping up.

import { get, send } from "./api.js";
import { ago, counting, empty, h, say, show, tag } from "./dom.js";
import { condition } from "./queues.js";

const KEY = "ivr.agent";
const WORDS = { available: "Available", busy: "Busy", away: "Away", unavailable: "Log out" };

const own = (name, word = "") => `/v1/agents/${encodeURIComponent(name)}${word ? `/${word}` : ""}`;

async function act(name, word, body) {
  try {
    await send("POST", own(name, word), body);
    dispatchEvent(new Event("hashchange"));
  } catch (problem) {
    say(problem.status === 401 ? "Sign in first: changing a status needs a token." : problem.message);
  }
}

const choose = (name) => { localStorage.setItem(KEY, name); location.hash = `#desk/${encodeURIComponent(name)}`; };

function chooser(agents, chosen) {
  return h("label", { class: "row small muted" }, "I am",
    h("select", { onchange: (event) => { event.target.blur(); choose(event.target.value); } },
      chosen ? null : h("option", { value: "", selected: true }, "…"),
      agents.map((agent) => h("option", { value: agent.id, selected: agent.id === chosen }, agent.name))));
}

function statuses(agent, known) {
  const { status, group } = agent.now;
  const button = ({ name }) => h("button", {
    class: name === status ? "chosen" : "quiet",
    "aria-pressed": String(name === status),
    onclick: () => act(agent.id, "status", { status: name }),
  }, WORDS[name] ?? name);
  const { kind, word } = condition(agent);
  return h("section", { class: "card pad stack" },
    h("div", { class: "row" }, h("span", { class: `dot ${kind}` }), h("h2", { class: "grow", style: "margin:0" }, word),
      h("span", { class: "muted" }, counting(ago(agent.now.since_seconds)))),
    h("div", { class: "row" }, known.map(button)),
    agent.now.reachable === false && group !== "unavailable"
      ? h("p", { class: "fault" }, "Your phone is not registered: no calls come to it.") : null);
}

// A packet's value as it is read by people.
const plain = (value) => (value !== null && typeof value === "object" ? JSON.stringify(value) : String(value));

function facts(title, values) {
  const rows = Object.entries(values ?? {}).filter(([, value]) => value !== null && value !== "");
  return rows.length ? [h("h3", {}, title), h("dl", {}, rows.map(([name, value]) => [h("dt", {}, name), h("dd", {}, plain(value))]))] : null;
}

function pop(found) {
  const { packet } = found;
  const talking = found.state === "talking";
  const keyed = (packet.inputs ?? []).filter((input) => input.digits).map((input) => [input.element, input.digits]);
  return h("section", { class: `card pad pop ${talking ? "talk" : ""}`, id: "pop" },
    h("div", { class: "row" }, talking ? tag("in a call", "talk") : tag("ringing", "ring"), h("span", { class: "muted grow" }, found.queue),
      h("a", { href: `#calls/${encodeURIComponent(found.call)}` }, `call ${packet.call?.short_id ?? ""}`)),
    h("p", { class: "who", style: "margin:.5rem 0 0" }, packet.profile?.name ?? packet.call?.from ?? "withheld"),
    h("p", { class: "muted", style: "margin:0" }, [packet.profile?.name ? packet.call?.from : null, packet.origin, `waited ${Math.round(found.waited)} s`].filter(Boolean).join(" · ")),
    packet.ai?.summary ? [h("h3", {}, "What the AI agent heard"), h("p", { style: "margin:0" }, packet.ai.summary)] : null,
    packet.tags?.length ? h("p", { class: "row" }, packet.tags.map((name) => tag(name))) : null,
    facts("Told", packet.variables),
    facts("Keyed in", Object.fromEntries(keyed)),
    facts("Known of the caller", packet.profile),
    facts("Besides", packet.metadata),
    packet.path?.length ? [h("h3", {}, "The way here"), h("p", { class: "small muted", style: "margin:0" }, packet.path.map((step) => step.element).join(" › "))] : null);
}

function wrapping(agent, dispositions) {
  const fitting = dispositions.filter(({ queues }) => !queues.length || queues.includes(agent.now.queue));
  return h("section", { class: "card pad stack" },
    h("h2", {}, "Wrapping up"),
    fitting.length ? h("p", { class: "muted", style: "margin:0" }, "How did it end?") : null,
    h("div", { class: "row" },
      fitting.map(({ id, name }) => h("button", { class: "quiet", onclick: () => act(agent.id, "disposition", { disposition: id }) }, name)),
      h("button", { onclick: () => act(agent.id, "wrapped") }, "Done")));
}

export const desk = {
  title: "My desk",
  wants: /^(agent|queue)\./,

  async render(main, asked) {
    const { agents, statuses: known, dispositions } = await get("/v1/agents");
    const name = asked ?? localStorage.getItem(KEY);
    const agent = agents.find(({ id }) => id === name);
    const head = h("div", { class: "row" }, h("h1", { class: "grow" }, agent ? agent.name : "My desk"), chooser(agents, agent?.id));
    if (!agent) {
      show(main, head, h("div", { class: "card" }, agents.length
        ? empty("Who are you?", "Choose yourself above.")
        : empty("No agents", "They stand under agents in ivr.yaml, or are made over HTTP.")));
      return;
    }
    const has = ["ringing", "in_call", "reserved"].includes(agent.now.phase);
    const found = has ? await get(own(agent.id, "call")).catch((problem) => ({ problem })) : null;
    show(main, head, h("div", { class: "columns" },
      h("div", { class: "stack" },
        found && !found.problem ? pop(found)
          : agent.now.phase === "wrapping" ? wrapping(agent, dispositions)
            : h("div", { class: "card" }, found?.problem && found.problem.status !== 404
              ? empty("You have a call", `Sign in to see what is known of it: ${found.problem.message}.`)
              : empty("No call", "When one rings for you, what is known of it stands here."))),
      h("div", { class: "stack" }, statuses(agent, known))));
  },
};
