import { show, h } from "./dom.js";
export const desk = { title: "My desk", wants: /^(agent|queue)\./, async render(main) { show(main, h("h1", {}, "My desk")); } };
