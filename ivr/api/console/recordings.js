// Recordings to listen to.

import { file, get, send } from "./api.js";
import { clock, day, empty, h, say, show } from "./dom.js";

const PAGE = 50;

let open = [];

function player(recording) {
  const hear = h("button", { class: "quiet", "aria-label": `Listen to ${recording.name}` }, "Listen");
  hear.onclick = async () => {
    try {
      const address = await file(`/v1/recordings/${encodeURIComponent(recording.id)}/audio`);
      open.push(address);
      const audio = h("audio", { controls: true, src: address });
      hear.replaceWith(audio);
      await audio.play().catch(() => {});
    } catch (problem) {
      say(problem.message);
    }
  };
  return hear;
}

async function remove(recording) {
  if (!confirm(`Delete ${recording.name}? It cannot be had back.`)) return;
  try {
    await send("DELETE", `/v1/recordings/${encodeURIComponent(recording.id)}`);
    dispatchEvent(new Event("hashchange"));
  } catch (problem) {
    say(problem.message);
  }
}

function row(recording) {
  return h("tr", {},
    h("td", {}, day(recording.started_at)),
    h("td", {}, recording.name),
    h("td", { class: "muted" }, recording.kind),
    h("td", { class: "num" }, clock(recording.seconds)),
    h("td", {}, player(recording)),
    h("td", { class: "num" }, h("button", { class: "quiet", onclick: () => remove(recording), "aria-label": `Delete ${recording.name}` }, "Delete")));
}

function older(rows, next) {
  const more = h("button", { class: "quiet" }, "Older ones");
  more.onclick = async () => {
    try {
      const page = await get(`/v1/recordings?limit=${PAGE}&before=${encodeURIComponent(next)}`);
      rows.append(...page.recordings.map(row));
      more.replaceWith(...(page.next ? [older(rows, page.next)] : []));
    } catch (problem) {
      say(problem.message);
    }
  };
  return more;
}

export const recordings = {
  title: "Recordings",
  wants: /^recording\./,
  calm: true, // what is listened to must not be taken away by a new one

  async render(main) {
    open.forEach(URL.revokeObjectURL);
    open = [];
    const { recordings: found, next } = await get(`/v1/recordings?limit=${PAGE}`);
    const rows = h("tbody", {}, found.map(row));
    const names = h("tr", {}, ["Recorded", "Name", "Of", "Length", "", ""].map((name, at) => h("th", { class: at === 3 ? "num" : "" }, name)));
    show(main, h("h1", {}, "Recordings"),
      found.length
        ? h("div", { class: "stack" }, h("div", { class: "card scroll" }, h("table", {}, h("thead", {}, names), rows)), next ? older(rows, next) : null)
        : h("div", { class: "card" }, empty("No recordings", "Voicemails and recorded calls are listed here.")));
  },
};
