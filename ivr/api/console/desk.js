// An agent's desk: status, the call that rings or goes on with what is known of it, wrapping up, missed calls.

import { get, send } from "./api.js";
import { agents, changed, may, me, onEvent, signedIn, Source, timed } from "./data.js";
import { card, clock, counting, empty, h, hour, day, now, remaining, say, speak, tag } from "./dom.js";
import { actionName, condition, groupKind, plural, statusName } from "./words.js";

const KEY = "ivr.agent";
const PAUSE = 300; // milliseconds between two looks at an agent of whom something was heard
const LOOK = 30000; // and where nothing was: that his phone is reachable no event tells
const CALLS = ["ringing", "in_call", "reserved", "on_other_call"];
const MISSED = 5; // that are shown

let name = "";
let anew = 0; // since then what may be chosen is not known any more

const own = (word = "") => `/v1/agents/${encodeURIComponent(name)}${word ? `/${word}` : ""}`;

const agent = new Source(async () => {
  const [found, at] = await timed(own());
  const has = CALLS.includes(found.now.phase);
  const call = has ? await get(own("call")).catch((problem) => ({ problem })) : null;
  rings(found, call);
  return { found, call, at };
}, PAUSE, { hidden: true, every: LOOK });

onEvent((type, { data }) => {
  if (type === "gap") anew = now();
  if (type === "forget") agent.forget();
  else if (type === "gap" || (type.startsWith("agent.") && data.agent === name)) agent.touch();
});

// Who does not look hears of it, and the tab's title says it.
function rings({ now: { phase } }, call) {
  const packet = call?.packet;
  speak(phase === "ringing" ? `A call rings: ${[packet?.origin, packet?.profile?.name ?? packet?.call?.from].filter(Boolean).join(", ")}` : "");
}

async function act(word, body) {
  try {
    await send("POST", own(word), body);
    agent.touch();
  } catch (problem) {
    say(problem.message, "bad");
  }
}

// Status

const mine = () => signedIn() && (may("agents") || (may("agents:self") && me.value?.agent === name));

function statuses({ found, at }, known) {
  const { status, group, reachable, missed_in_a_row: inARow } = found.now;
  const { kind, word } = condition(found);
  const button = (each) => h("button", {
    class: `status ${each.name === status ? "chosen" : "quiet"}`, key: each.name, "aria-pressed": String(each.name === status),
    disabled: !mine(), onclick: () => act("status", { status: each.name }),
  }, h("span", { class: `dot ${groupKind(each.group)}`, "aria-hidden": "true" }), actionName(each.name));
  return h("section", { class: "card pad stack", "aria-label": "Status" },
    h("div", { class: "row" }, h("span", { class: `dot big ${kind}`, "aria-hidden": "true" }), h("h2", { class: "grow" }, word),
      h("span", { class: "muted" }, counting(at - (found.now.since_seconds ?? 0)))),
    found.now.phase !== "idle" ? h("p", { class: "muted" }, `Status: ${statusName(status)}`) : null,
    inARow && group === "away" ? h("p", { class: "note warn" }, inARow === 1 ? "You are away because a call rang and was not answered." : `You are away because ${inARow} calls in a row rang and were not answered.`) : null,
    reachable === false && group !== "unavailable" ? h("p", { class: "note warn" }, "Your phone is not registered: no calls come to it.") : null,
    h("div", { class: "statuses", role: "group", "aria-label": "Change the status" }, known.map(button)),
    mine() ? null : h("p", { class: "muted small" }, signedIn() ? "This token cannot change it." : "Sign in to change it."));
}

// Today

function figures({ now: { today }, missed: all }) {
  if (!today) return null; // another one's, to an agent
  const one = (value, text) => h("div", {}, h("dd", {}, value), h("dt", {}, text));
  const missed = (all ?? []).slice(0, MISSED);
  return h("section", { class: "card pad stack", "aria-label": "Today" }, h("h2", {}, "Today"),
    h("dl", { class: "figures" }, one(today.answered ?? 0, "answered"), one(today.missed ?? 0, "missed"),
      one(today.mean_handle_seconds ? clock(today.mean_handle_seconds) : "–", "mean length")),
    missed.length ? h("div", {}, h("h3", {}, "Missed"), h("ul", { class: "plain" }, missed.map((each) => h("li", {}, each.at > now() - 64800 ? hour(each.at) : day(each.at), " ",
      may("agents") ? h("a", { href: `#calls/${encodeURIComponent(each.call)}` }, `call ${each.short_id ?? ""}`) : `call ${each.short_id ?? ""}`, h("span", { class: "muted" }, ` ${each.queue}`))))) : null);
}

// The call

// A packet's value as it is read by people.
function plain(value) {
  if (Array.isArray(value)) return value.every((each) => typeof each !== "object") ? value.join(", ") : JSON.stringify(value);
  return value !== null && typeof value === "object" ? JSON.stringify(value) : String(value);
}

function facts(title, rows) {
  const shown = rows.filter(([, value]) => value !== null && value !== undefined && value !== "");
  return shown.length ? h("div", {}, h("h3", {}, title), h("dl", {}, shown.map(([key, value]) => [h("dt", {}, key.replaceAll("_", " ")), h("dd", {}, plain(value))]))) : null;
}

function ai({ agent: by, reason, target, summary, transcript }) {
  return h("div", { class: "ai" }, h("h3", {}, `What the AI agent ${by ?? ""} heard`),
    summary ? h("p", {}, summary) : h("p", { class: "muted" }, [reason, target].filter(Boolean).join(" → ").replaceAll("_", " ")),
    transcript?.length ? h("details", {}, h("summary", {}, plural(transcript.length, "sentence")), h("ul", { class: "plain" },
      transcript.map(({ role, text }) => h("li", {}, h("span", { class: "muted" }, `${role}: `), text)))) : null);
}

function pop({ packet, queue, state, waited, call }, at) {
  const talking = state === "talking";
  const caller = packet.call?.from || "number withheld";
  const who = packet.profile?.name;
  const keyed = (packet.inputs ?? []).filter((input) => input.digits);
  return h("section", { class: `card pad pop stack ${talking ? "talk" : "ring"}`, id: "pop", key: call, "aria-label": talking ? "Your call" : "A call rings" },
    h("div", { class: "row" }, talking ? tag("In a call", "talk") : tag("Ringing", "ring"), h("span", { class: "muted grow" }, queue),
      h("a", { href: `#calls/${encodeURIComponent(call)}` }, `call ${packet.call?.short_id ?? ""}`)),
    h("div", {}, h("p", { class: "who" }, who ?? caller),
      h("p", { class: "muted" }, [who ? caller : null, packet.origin].filter(Boolean).map((text) => `${text} · `), "waited ", talking ? clock(waited) : counting(at - waited)),
      packet.tags?.length ? h("p", { class: "tags" }, packet.tags.map((each) => tag(each))) : null),
    packet.ai ? ai(packet.ai) : null,
    facts("Told", Object.entries(packet.variables ?? {})),
    keyed.length ? facts("Keyed in", keyed.map((input) => [input.element, input.digits])) : null,
    facts("Known of the caller", Object.entries(packet.profile ?? {}).filter(([key]) => key !== "name")),
    facts("Besides", Object.entries(packet.metadata ?? {})),
    packet.waits?.length ? facts("Waited before", packet.waits.map((each) => [each.queue, [clock(each.seconds), each.outcome, each.agent].filter(Boolean).join(" · ")])) : null,
    packet.path?.length ? h("div", {}, h("h3", {}, "The way here"), h("p", { class: "small crumbs" },
      packet.path.map((step, at) => [at ? h("span", { class: "muted" }, " › ") : null, step.element, step.branch && !["next", "audio_played"].includes(step.branch) ? h("span", { class: "muted" }, ` (${step.branch})`) : null]))) : null);
}

function wrapping({ found, at }, dispositions) {
  const { queue, wrap_up_left: left } = found.now;
  const fitting = dispositions.filter(({ queues }) => !queues.length || queues.includes(queue));
  const whole = found.settings?.wrap_up || left;
  return h("section", { class: "card pad stack wrapping", key: "wrapping", "aria-label": "Wrapping up" },
    h("div", { class: "row" }, h("h2", { class: "grow" }, "Wrapping up"),
      left !== null && left !== undefined ? h("span", { class: "big" }, remaining(at + left)) : h("span", { class: "big" }, counting(at - (found.now.since_seconds ?? 0)))),
    left ? h("progress", { max: String(whole), value: String(Math.max(0, at + left - now()).toFixed(1)), "aria-label": "Time left" }) : null,
    h("p", { class: "muted" }, fitting.length ? "How did it end? Choosing ends wrapping up." : "Write down what must be; calls come again when the time is over."),
    h("div", { class: "row" },
      fitting.map(({ id, name: text }) => h("button", { key: id, class: "quiet", disabled: !mine(), onclick: () => act("disposition", { disposition: id }) }, text)),
      h("button", { key: "done", disabled: !mine(), onclick: () => act("wrapped") }, "Done")));
}

function centre(known, dispositions) {
  const { found, call, at } = known;
  if (call && !call.problem) return pop(call, at);
  if (found.now.phase === "wrapping") return wrapping(known, dispositions);
  if (call?.problem && call.problem.status !== 404) {
    return card(empty(found.now.phase === "ringing" ? "A call rings" : "In a call", signedIn() ? call.problem.message : "Sign in to see what is known of it."));
  }
  if (found.now.phase === "on_other_call") return card(empty("On another call", "One that no queue has brought."));
  return card(empty("No call", found.now.group === "available" ? "When one rings, what is known of it stands here." : "Calls come while the status is Available."));
}

// The page

const choose = (event) => {
  const chosen = event.target.value;
  localStorage.setItem(KEY, chosen);
  location.hash = `#desk/${encodeURIComponent(chosen)}`;
};

function chooser(chosen) {
  const list = [...agents.value.agents.values()].sort((one, other) => one.name.localeCompare(other.name));
  return h("label", { class: "choose small muted" }, "Desk of",
    h("select", { onchange: choose, "data-own": true, key: `${list.length} ${chosen}` },
      chosen ? null : h("option", { value: "", selected: true }, "…"),
      list.map((each) => h("option", { value: each.id, selected: each.id === chosen }, each.name))));
}

const whose = (asked) => asked ?? me.value?.agent ?? localStorage.getItem(KEY) ?? "";

export const desk = {
  title: "My desk",
  heading() {
    const { found, call } = agent.value ?? {};
    if (found?.now.phase === "ringing") return `☎ ${call?.packet?.origin ?? "A call rings"}`;
    return found ? found.name : "My desk";
  },

  sources(asked) {
    const wanted = whose(asked);
    if (wanted !== name) {
      name = wanted;
      agent.forget();
    }
    const all = agents.value && agents.loaded >= anew ? [] : [agents];
    return name && (!agents.value || agents.value.agents.has(name)) ? [me, agent, ...all] : [me, ...all];
  },

  view() {
    const { statuses: known, dispositions } = agents.value;
    const choosing = me.value?.agent && !may("agents") ? null : chooser(agent.value ? name : "");
    if (!agent.value || !agents.value.agents.has(name)) {
      return [h("div", { class: "head" }, h("h1", {}, "My desk"), h("span", { class: "grow" }), agents.value.agents.size ? choosing : null),
        card(agents.value.agents.size ? empty("Whose desk?", "Choose above.")
          : empty("No agents", "They stand under agents in ivr.yaml, or are made over HTTP."))];
    }
    const { found } = agent.value;
    return [
      h("div", { class: "head" }, h("h1", {}, found.name), found.title ? h("span", { class: "muted" }, found.title) : null, h("span", { class: "grow" }), choosing),
      h("div", { class: `columns desk ${found.now.phase === "idle" ? "" : "occupied"}`.trim() },
        h("div", { class: "stack" }, centre(agent.value, dispositions)),
        h("div", { class: "stack" }, statuses(agent.value, known), figures(found))),
    ];
  },
};

// A bar that gets shorter while the time runs out.
setInterval(() => {
  if (agent.wanted && agent.value?.found.now.phase === "wrapping") changed();
}, 1000);
