// What things are called.

const GROUPS = { available: "good", busy: "warn", away: "warn", unavailable: "off" };
const PHASES = {
  ringing: ["ring", "ringing"], reserved: ["ring", "calls back"], in_call: ["talk", "in a call"],
  on_other_call: ["talk", "on another call"], wrapping: ["wrap", "wrapping up"],
};
const STATUSES = { available: "Available", busy: "Busy", away: "Away", unavailable: "Logged out" };
const ACTIONS = { ...STATUSES, unavailable: "Log out" };

export const statusName = (status) => STATUSES[status] ?? capital(status ?? "unknown");
export const actionName = (status) => ACTIONS[status] ?? capital(status);
export const groupKind = (group) => GROUPS[group] ?? "off";

const capital = (text) => text.charAt(0).toUpperCase() + text.slice(1).replaceAll("_", " ");

// What an agent is and does: a colour and a word. Colours never stand alone.
export function condition({ now: { status, group, phase, reachable, enabled } }) {
  if (enabled === false) return { kind: "off", word: "Disabled", sort: "unavailable" };
  if (PHASES[phase]) return { kind: PHASES[phase][0], word: capital(PHASES[phase][1]), sort: phase };
  if (group === "available" && reachable === false) return { kind: "off", word: "No phone", sort: "unreachable" };
  return { kind: groupKind(group), word: statusName(status), sort: group };
}

const CAUSES = { user_hung_up: "the caller hung up", ended_by_api: "ended from outside", flow: "the flow ended it" };
export const causeName = (cause) => CAUSES[cause] ?? (cause ?? "over").replaceAll("_", " ");

const TYPES = {
  play: "plays a prompt", collect: "waits for keys", record_voicemail: "records a message", transfer_to_agent: "for an agent",
  transfer_to_ai_agent: "AI agent", transfer_to_voice_application: "voice application", forward_call: "forward", call_api: "asks a service",
};
export const typeName = (type) => TYPES[type] ?? (type ?? "").replaceAll("_", " ");

export const percent = (share) => (share === null || share === undefined ? null : `${Math.round(share * 100)} %`);
export const plural = (count, one, many = `${one}s`) => `${count} ${count === 1 ? one : many}`;
