// Queues and agents as they are now.

import { get } from "./api.js";
import { clock, counting, empty, h, show, tag } from "./dom.js";

export const KINDS = { available: "good", busy: "warn", away: "warn", unavailable: "" };
const WORK = { ringing: "ring", in_call: "talk", wrapping: "warn" };

const figure = (value, name) => h("div", {}, h("b", {}, value ?? "–"), h("span", {}, name));

export const queues = {
  title: "Queues",
  wants: /^(queue|agent|callback)\./,

  async render(main) {
    const [{ queues: found }, { agents }] = await Promise.all([get("/v1/queues"), get("/v1/agents")]);
    show(main, h("h1", {}, "Queues"), h("pre", {}, JSON.stringify(found[0], null, 1)), h("pre", {}, JSON.stringify(agents[0], null, 1)));
  },
};
