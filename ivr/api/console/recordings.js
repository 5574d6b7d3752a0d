// Recordings to listen to.

import { file, get, send } from "./api.js";
import { ask } from "./asking.js";
import { changed, may, onEvent, Source } from "./data.js";
import { card, cell, clock, day, empty, h, row, say, table, tag } from "./dom.js";
import { address } from "./sound.js";

const PAGE = 50;
const KINDS = { voicemail: "voicemail", call: "both sides" };

let wanted = ""; // number or id of a call, as it was asked for
let kind = "";
let older = []; // what is shown besides the newest
let next; // where the rest begins
let opened = new Map(); // recordings that are listened to, by id: the address of their sound

const query = (call, before) => [
  `limit=${PAGE}`, call ? `call=${encodeURIComponent(call)}` : "", kind ? `kind=${kind}` : "", before ? `before=${encodeURIComponent(before)}` : "",
].filter(Boolean).join("&");

// The id of a call by what people say of it: its number; null: there is none of that number.
async function callOf(text) {
  if (!/^\d+$/.test(text)) return text;
  const live = await get(`/v1/calls/${text}`).catch(() => null);
  if (live) return live.id;
  const { calls } = await get(`/v1/calls?state=ended&limit=1&before=${Number(text) + 1}`);
  return calls[0]?.short_id === Number(text) ? calls[0].id : null;
}

const newest = new Source(async () => {
  const call = wanted ? await callOf(wanted) : "";
  if (call === null) return { call, list: [] };
  const found = await get(`/v1/recordings?${query(call)}`);
  if (!older.length) next = found.next;
  return { call, list: found.recordings };
}, 1000);

onEvent((type, { data }) => {
  if (type === "forget") begin();
  if (type === "recording.deleted") older = older.filter(({ id }) => id !== data.id);
  if (type === "gap" || type.startsWith("recording.")) newest.touch();
});

function begin() {
  newest.forget();
  opened.forEach((each) => URL.revokeObjectURL(each));
  [older, next, opened] = [[], undefined, new Map()];
}

async function more() {
  try {
    const found = await get(`/v1/recordings?${query(newest.value.call, next)}`);
    older = [...older, ...found.recordings];
    next = found.next;
    changed();
  } catch (problem) {
    say(problem.message, "bad");
  }
}

async function listen({ id }) {
  try {
    opened.set(id, await address(id));
    changed();
  } catch (problem) {
    say(problem.message, "bad");
  }
}

async function keep({ id, name }) {
  try {
    const found = await file(`/v1/recordings/${encodeURIComponent(id)}/audio`);
    h("a", { href: found, download: /\.\w+$/.test(name) ? name : `${name}.wav` }).click();
    setTimeout(() => URL.revokeObjectURL(found), 60000);
  } catch (problem) {
    say(problem.message, "bad");
  }
}

const remove = ({ id, name }) => ask({
  title: "Delete this recording?",
  text: `${name} cannot be had back.`,
  button: "Delete",
  bad: true,
  act: async () => { await send("DELETE", `/v1/recordings/${encodeURIComponent(id)}`); newest.touch(); say("The recording is deleted."); },
});

function line(recording) {
  const sound = opened.get(recording.id);
  return row({ key: recording.id },
    cell("when", day(recording.started_at)),
    cell("name", h("b", {}, recording.name), h("a", { class: "small muted", href: `#calls/${encodeURIComponent(recording.call_id)}` }, "its call")),
    cell("kind", tag(KINDS[recording.kind] ?? recording.kind)),
    cell("num length", clock(recording.seconds)),
    cell("sound", sound
      ? h("audio", { controls: true, autoplay: true, src: sound, key: "audio", "data-own": true, "aria-label": recording.name })
      : h("button", { class: "quiet", key: "listen", "aria-label": `Listen to ${recording.name}`, onclick: () => listen(recording) }, "Listen")),
    cell("num actions", h("button", { class: "plain", "aria-label": `Download ${recording.name}`, onclick: () => keep(recording) }, "Download"),
      may("recordings") ? h("button", { class: "plain bad", "aria-label": `Delete ${recording.name}`, onclick: () => remove(recording) }, "Delete…") : null));
}

const find = (event) => {
  event.preventDefault();
  const text = event.currentTarget.querySelector("input").value.trim();
  location.hash = text ? `#recordings/${encodeURIComponent(text)}` : "#recordings";
};
const choose = (event) => { kind = event.target.value; begin(); changed(); };

export const recordings = {
  title: "Recordings",

  sources(asked = "") {
    if (asked !== wanted) {
      wanted = asked;
      begin();
    }
    return [newest];
  },

  view() {
    const { list, call } = newest.value;
    const known = new Set(list.map(({ id }) => id));
    const all = [...list, ...older.filter(({ id }) => !known.has(id))];
    return [
      h("div", { class: "head" }, h("h1", {}, "Recordings"), h("span", { class: "grow" }),
        h("form", { class: "row", role: "search", onsubmit: find },
          h("select", { "aria-label": "Kind", onchange: choose, "data-own": true },
            [["", "All kinds"], ["voicemail", "Voicemail"], ["call", "Calls"]].map(([value, text]) => h("option", { value, selected: value === kind }, text))),
          h("input", { type: "search", name: "call", value: wanted, placeholder: "Number of a call", "aria-label": "Number or id of a call", size: "16" }),
          h("button", { class: "quiet" }, "Find"))),
      all.length
        ? [table("Recordings", [["Recorded", ""], ["Name", ""], ["Of", ""], ["Length", "num"], ["Sound", ""], ["", "num"]], all.map(line)),
          next ? h("p", {}, h("button", { class: "quiet", onclick: more }, "Older ones")) : null]
        : card(wanted || kind
          ? empty(call === null ? `There is no call ${wanted}` : "No recordings of that", "Calls are recorded where the flow or the queue says so.", h("a", { href: "#recordings" }, "Show all"))
          : empty("No recordings", "Voicemails and recorded calls are listed here as soon as they are complete.")),
    ];
  },
};
