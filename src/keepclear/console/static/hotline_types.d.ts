/**
 * The shapes of the hotline: those of the HTTP API first, then those of the console's own state.
 *
 * Fields of the API keep its spelling (snake case); what the console adds is written in camel case.
 */

import type { ItemRef } from "./types.js";

export type Texts = { en: string; ru: string; ar: string };
export type MessageRef = { party: string; n: number };
export type Priority = "distress" | "safety" | "routine";
export type DialogueState = "open" | "standby" | "timed_out" | "closed" | "corrected" | "lapsed";
export type ChannelWord = "open" | "degraded" | "hold" | "down" | "unknown";

export type FieldKind = "item" | "message" | "party" | "position" | "height" | "instant" | "duration" | "distance"
  | "speed" | "track" | "frequency" | "count" | "call_sign" | "person" | "reason" | "nature" | "result" | "step"
  | "state" | "symbols" | "drill" | "text";

export type CodeField = { name: string; kind: FieldKind; needed: boolean; labels: Texts };

export type CodeType = {
  code: string;
  speaker: "officer" | "node";
  response: "WU" | "AN" | "R" | "N";
  priority: Priority;
  humanitarian: boolean;
  valid_s: number;
  fields: CodeField[];
  answers: string[];
  titles: Texts;
};

export type MessageCatalogue = { hash: string; codes: CodeType[]; words: Record<string, Record<string, Texts>> };

export type Affected = { id: string; item: ItemRef | null; can_clear: boolean | null; needs_s: number | null; given_s: number | null; distance_m: number | null };

export type Warning = {
  kind: string;
  texts: Texts;
  affected?: Affected[];
  heard?: Texts;
  answer?: { person: string | null; at: string; code: string; ref: MessageRef };
};

export type MessagesPage = { messages: Message[]; next: string | null; unnumbered: Unnumbered[]; unnumbered_more: number };

/** What somebody wrote down by voice without its number: nobody knows which message it is. */
export type Unnumbered = {
  heard_by: string;
  n: number;
  person: string;
  heard_at: string;
  by: string;
  to: string;
  code: string;
  priority: Priority;
  drill: string | null;
  expired: boolean;
  sent_at: string;
  texts: Texts;
  warning: Texts;
};

export type Message = {
  ref: MessageRef;
  number: string;
  code: string;
  to: string;
  fields: Record<string, unknown>;
  answers: MessageRef | null;
  corrects: MessageRef | null;
  priority: Priority;
  valid_until: string;
  drill: string | null;
  sent_at: string;
  person: string | null;
  by_voice: boolean;
  titles: Texts;
  texts: Texts;
  state: DialogueState | null;
  delivered: boolean;
  delivered_at: string | null;
  seen: { person: string; at: string; n: number } | null;
  stood_by: { person: string | null; at: string; ref: MessageRef } | null;
  answer: { person: string | null; at: string; code: string; ref: MessageRef } | null;
  replies: MessageRef[];
  corrected_by: MessageRef | null;
  steps: { step: string; called: string | null; at: string }[];
  timed_out_at: string | null;
  due: { seen_at: string | null; answered_at: string | null };
  late: boolean;
  delayed: boolean;
  expired: boolean;
  heard: boolean | null;
  ours: boolean;
  can_answer: string[];
  warnings: Warning[];
};

export type Duty = { person: string; since: string; senior: boolean; telephone: string };
export type HoldTold = { by: string; peer: string; reason: string; since: string };

export type Channel = {
  party: string;
  state: ChannelWord;
  since: string | null;
  reasons: { code: string; texts: Texts }[];
  theirs: { state: ChannelWord; at: string } | null;
  differs: boolean;
  link: "up" | "late" | "cut" | "off" | null;
  unheard_s: number | null;
  hold: { ours: HoldTold | null; theirs: HoldTold | null };
  fallback: {
    applies: boolean;
    since: string | null;
    buffer: { lateral_m: number; vertical_m: number; time_s: number } | null;
    split: { below: string; altitude_m: number } | null;
    breaches: string[];
  };
  machine_test: { at: string; round_trip_s: number | null; ok: boolean | null } | null;
  human_test: { at: string; person: string; ref: MessageRef } | null;
  on_duty: { ours: Duty[]; theirs: Duty[] };
  received: { ours_by_them: number | null; theirs_by_us: number };
  waiting: { count: number; oldest_at: string | null; priority: Priority | null };
};

export type Drill = { name: string; between: string[]; started_at: string; over: boolean };

export type DrillReport = {
  name: string;
  between: string[];
  started_by: string | null;
  started_at: string | null;
  exchanges: { message: Message; seen_after_s: number | null; answered_after_s: number | null; missing: boolean }[];
  more: number;
  missing: { by: "first" | "second" | "either"; code: string }[];
  endings: { ref: MessageRef; person: string | null; at: string; symbols: string; same: boolean | null }[];
  symbols: string;
};

/** What is asked to be signed: the kind of deed and its own fields, as they stand in the signed text. */
export type Asked = { kind: string } & Record<string, unknown>;

export type DraftTold = { payload: string; typ: string; texts: Texts | null; warnings: Warning[] };

/** The officer whose key is unlocked in this window; the key itself is no part of the state. */
export type OfficerState = {
  status: "locked" | "unlocking" | "unlocked";
  person: string;
  kid: string;
  /** The end of the key of a text: why it is not unlocked. */
  refused: string;
};

/** What waits for the officer's last word before it is signed. */
export type SigningState = {
  asked: Asked;
  /** "differs": the node's text says something else, and `error` is the field; nothing was signed. */
  status: "drafting" | "ready" | "sending" | "failed" | "differs";
  draft: DraftTold | null;
  error: string;
};

/**
 * What is known of the hotline. A part is null until it is known: none is not the same as not known.
 * `open` holds what waits for somebody, whoever is shown; `messages` what the list shows.
 */
export type HotlineState = {
  status: "unknown" | "absent" | "known" | "failed";
  error: string;
  catalogue: MessageCatalogue | null;
  channels: Channel[] | null;
  open: Message[] | null;
  /** Whether `open` is all that waits. */
  isOpenWhole: boolean;
  messages: Message[] | null;
  next: string | null;
  /** The newest, of what the filter leaves, and how many more there are. */
  unnumbered: Unnumbered[];
  unnumbered_more: number;
  drills: Drill[] | null;
  /** Of one drill, as it was asked for. */
  report: DrillReport | null;
  filter: { party: string; isOpenOnly: boolean };
};

/** A message that is being written; values are as they stand in the signed text. */
export type ComposeState = {
  to: string;
  code: string;
  fields: Record<string, unknown>;
  answers: Message | null;
  corrects: Message | null;
  priority: Priority | "";
  drill: string;
  /** Into which field the next click on the map goes; empty for none. */
  picking: string;
};

export type Spelled = { symbols: string; words: Record<string, string[]> };

/** What to say next while a picture is checked by voice; null is not known yet, or waits for the other side. */
export type PictureChecked = {
  parties: string[];
  held: Record<string, number>;
  frozen: Record<string, number> | null;
  remarks: string[];
  challenge: Spelled | null;
  ours: Spelled | null;
  theirs: Spelled | null;
  parts: { label: string; path: string; code: Spelled; size: number }[] | null;
  standing: { kind: string; name: string; item: ItemRef | null }[] | null;
  standing_count: number | null;
};

export type FormLine = { name: string; labels: Texts; text: string; symbol: Spelled };
export type PaperForm = { lines: FormLine[]; total: Spelled; texts: Texts };

export type PaperRead = {
  lines: FormLine[];
  next: { name: string; labels: Texts; needed: boolean } | null;
  checked: boolean;
  deed: Record<string, unknown> | null;
  texts: Texts | null;
  heard_in: number | null;
};

/**
 * What is done by voice in a dialog: a check of the picture, step by step, or a form that is written down.
 * `asked` and `given` are what was told the node so far; `told` and `read` what it answered.
 */
export type VoiceState = {
  party: string;
  part: "check" | "form";
  asked: Record<string, unknown>;
  told: PictureChecked | null;
  /** Our challenge, kept from the answer that drew it. */
  challenge: Spelled | null;
  given: { lines: { text: string; symbol: string | null }[]; total: string | null };
  read: PaperRead | null;
  error: string;
};

/** The form of a message, to be printed or read out. */
export type PaperState = { number: string; form: PaperForm | null; error: string };

/** A change that clears a conflict, and the fields of a draft that proposes it. */
export type Suggestion = {
  change: string;
  time_shift_s: number;
  altitude_shift_m: number;
  lateral_m: number;
  bearing_deg: number | null;
  is_smallest: boolean;
  reason: string | null;
  propose: Record<string, unknown>;
};

export type SuggestedState = { id: string; status: "loading" | "known" | "failed"; suggestions: Suggestion[]; error: string };
