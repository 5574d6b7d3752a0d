// Sound behind the token. <audio> shows no token when it asks, and asks for parts as it goes: a service worker shows it
// in its place. Where there can be none (the page came neither by TLS nor from this machine), the file is fetched whole.

import { file, token } from "./api.js";

const WORKER_SECONDS = 3;
let worker;

const path = (id) => `/v1/recordings/${encodeURIComponent(id)}/audio`;

function started() {
  const taken = navigator.serviceWorker.register("worker.js", { type: "module" }).then(() => navigator.serviceWorker.ready).then(async () => {
    if (!navigator.serviceWorker.controller) await new Promise((done) => navigator.serviceWorker.addEventListener("controllerchange", done, { once: true }));
    return true;
  });
  return Promise.race([taken, new Promise((done) => setTimeout(() => done(false), WORKER_SECONDS * 1000))]).catch(() => false);
}

// The worker forgets all when it is idle, and asks each time.
navigator.serviceWorker?.addEventListener("message", ({ data, ports }) => {
  if (data === "token") ports[0].postMessage(token.get());
});

// Where a recording is to be heard.
export async function address(id) {
  if (navigator.serviceWorker) {
    worker ??= started();
    if (await worker) return path(id);
  }
  return file(path(id));
}
