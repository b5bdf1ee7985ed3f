/**
 * What the console asks of the hotline: what waits for this party, how urgent it is, and what a message that is
 * being written still lacks. Where something is not known the answer is null, never "nothing".
 */

import { msOf, wireTime } from "./times.js";

/** @typedef {import("./hotline_types.js").Asked} Asked */
/** @typedef {import("./hotline_types.js").Channel} Channel */
/** @typedef {import("./hotline_types.js").CodeType} CodeType */
/** @typedef {import("./hotline_types.js").ComposeState} ComposeState */
/** @typedef {import("./hotline_types.js").Message} Message */
/** @typedef {import("./hotline_types.js").MessageCatalogue} MessageCatalogue */
/** @typedef {import("./hotline_types.js").MessageRef} MessageRef */
/** @typedef {import("./hotline_types.js").Priority} Priority */

/** Most urgent first. */
export const PRIORITIES = /** @type {const} */ (["distress", "safety", "routine"]);

/** What can be begun, by what it is about, most urgent first; what only answers is in none of them. */
export const GROUPS = /** @type {const} */ ([
  ["danger", ["distress", "lost_aircraft", "persons_at", "search_area", "request_stop", "distress_over"]],
  ["conflicts", ["conflict_notice", "request_later", "request_level", "request_keep_clear", "request_resume"]],
  ["plans", ["notice_operation", "notice_change", "notice_end", "notice_zone"]],
  ["where", ["request_position", "position_report", "request_identity", "identity_report", "request_contact", "is_yours",
    "unanswered_call", "flight_parameters"]],
  ["humanitarian", ["site_notice", "movement_notice", "leg_start", "leg_end", "movement_delayed"]],
  ["line", ["line_test", "handover", "telephone_call", "picture_checked", "drill_start", "drill_end"]],
  ["text", ["free_text"]],
]);

const POSITION_STEPS = 100_000;
/** A place without a radius is drawn so large, metres. */
const PLACE_RADIUS_M = 500;

/** @param {MessageRef} ref */
export function keyOfRef({ party, n }) {
  return `${party} ${n}`;
}

/**
 * Return a reference number as people say it.
 *
 * @param {MessageRef} ref
 */
export const numberOf = keyOfRef;

/**
 * Tell whether a message waits for somebody of a party: nobody read it, or it is not answered.
 *
 * @param {Message} message
 * @param {string} own
 */
export function waitsFor({ to, ours, seen, state, corrected_by }, own) {
  if (ours || to !== own || corrected_by !== null) return false;
  return seen === null || state === "open" || state === "standby" || state === "timed_out";
}

/**
 * Return what waits for a party, what is meant before exercises, the most urgent first, then the oldest.
 *
 * @param {Message[]} messages
 * @param {string} own
 */
export function waitingFor(messages, own) {
  const rank = (/** @type {Message} */ { drill, priority }) => Number(drill !== null) * 3 + PRIORITIES.indexOf(priority);
  return messages.filter((message) => waitsFor(message, own))
    .sort((a, b) => rank(a) - rank(b) || msOf(a.sent_at) - msOf(b.sent_at));
}

/**
 * Return which tone is due: that of the most urgent message that nobody of a party has read or answered. One that
 * is in hand, and one of an exercise, calls like routine.
 *
 * @param {Message[]} messages
 * @param {string} own
 * @returns {Priority | null}
 */
export function toneOf(messages, own) {
  const tones = waitingFor(messages, own).map(({ priority, drill, seen, state }) =>
    (drill !== null || (seen !== null && state === "standby") ? "routine" : priority));
  return PRIORITIES.find((priority) => tones.includes(priority)) ?? null;
}

/**
 * Return the channels whose state changes what applies. That a side holds the line stands in both logs; what its
 * node says of that may be older.
 *
 * @param {Channel[] | null} channels
 */
export function troubledChannels(channels) {
  return (channels ?? []).filter(({ state, theirs, fallback }) => fallback.applies || state === "hold" || state === "down"
    || theirs?.state === "down");
}

/**
 * Return the type of a code.
 *
 * @param {MessageCatalogue | null} catalogue
 * @param {string} code
 */
export function typeOf(catalogue, code) {
  return catalogue?.codes.find((type) => type.code === code) ?? null;
}

/**
 * Return the codes of a group that this catalogue has; what it has and no group names goes to the last one.
 *
 * @param {MessageCatalogue} catalogue
 * @returns {[string, CodeType[]][]}
 */
export function groupsOf({ codes }) {
  const answers = new Set(codes.flatMap((type) => type.answers));
  const grouped = new Set(GROUPS.flatMap(([, names]) => /** @type {string[]} */ ([...names])));
  const isOther = (/** @type {CodeType} */ { code, speaker }) => speaker === "officer" && !grouped.has(code) && !answers.has(code);
  return GROUPS.map(([group, names]) => [group, [
    ...names.flatMap((name) => codes.filter(({ code }) => code === name)),
    ...(group === "text" ? codes.filter(isOther) : []),
  ]]);
}

/** @param {Partial<ComposeState>} parts @returns {ComposeState} */
export function newMessage(parts) {
  return { to: "", code: "", fields: {}, answers: null, corrects: null, priority: "", drill: "", picking: "", ...parts };
}

/**
 * Return the fields that a message still lacks.
 *
 * @param {ComposeState} compose
 * @param {CodeType} type
 */
export function missingFields({ fields }, type) {
  return type.fields.filter(({ name, needed }) => needed && isEmpty(fields[name])).map(({ name }) => name);
}

/** @param {unknown} value */
function isEmpty(value) {
  return value === undefined || value === null || value === "" || (Array.isArray(value) && value.some((part) => part === null || part === ""));
}

/**
 * Return what is asked to be signed, whole: nothing in it is left to the node, so that the text can be compared.
 *
 * @param {ComposeState} compose
 * @param {CodeType} type
 * @param {number} nowMs
 * @returns {Asked}
 */
export function askedOf({ to, code, fields, answers, corrects, priority, drill }, type, nowMs) {
  const given = type.fields.filter(({ name }) => !isEmpty(fields[name])).map(({ name }) => [name, fields[name]]);
  const least = mostUrgent([type.priority, ...answers === null ? [] : [answers.priority]]);
  return {
    kind: "send_message",
    message: {
      code,
      to,
      ...(given.length === 0 ? {} : { fields: Object.fromEntries(given) }),
      ...(answers === null ? {} : { answers: answers.ref }),
      ...(corrects === null ? {} : { corrects: corrects.ref }),
      priority: priority === "" ? least : mostUrgent([priority, least]),
      valid_until: Math.floor(nowMs / 1000 + type.valid_s) * 1000,
      ...(drill.trim() === "" ? {} : { drill: drill.trim() }),
    },
  };
}

/** @param {Priority[]} priorities */
function mostUrgent(priorities) {
  return PRIORITIES.find((priority) => priorities.includes(priority)) ?? "routine";
}

/**
 * Return a place as messages have it, to the step in which people read it out.
 *
 * @param {import("./types.js").LatLng} place
 */
export function positionOf({ lat, lng }) {
  const east = Math.round(lng * POSITION_STEPS);
  return [Math.round(lat * POSITION_STEPS), east >= 180 * POSITION_STEPS ? east - 360 * POSITION_STEPS : east];
}

/**
 * Return what a message says of a place as something that can be drawn: a circle round it, while the message counts.
 *
 * @param {Message} message
 * @param {CodeType} type
 * @returns {import("./types.js").Item | null}  null where it names no place
 */
export function drawablePlace({ number, ref, fields, sent_at, valid_until }, type) {
  const field = type.fields.find(({ name, kind }) => kind === "position" && Array.isArray(fields[name]));
  if (field === undefined) return null;
  const [north, east] = /** @type {[number, number]} */ (fields[field.name]);
  const value = typeof fields.radius === "number" && fields.radius > 0 ? fields.radius : PLACE_RADIUS_M;
  const center = { lat: north / POSITION_STEPS, lng: east / POSITION_STEPS };
  const [start, end] = [msOf(sent_at), msOf(valid_until)];
  return {
    id: number,
    kind: "constraint",
    party: ref.party,
    volumes: [{ volume: { outline_circle: { center, radius: { value, units: "M" } } }, time_start: wireTime(start), time_end: wireTime(Math.max(start, end)) }],
  };
}

/** @param {number | null} step */
export function degreesOf(step) {
  return step === null ? null : step / POSITION_STEPS;
}
