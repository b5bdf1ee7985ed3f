/**
 * The shapes of the watch: those of the HTTP API first, then those of the console's own state.
 *
 * Fields of the API keep its spelling (snake case); what the console adds is written in camel case.
 */

import type { Item, LatLng, TrackKind } from "./types.js";

export type TrackStatus = "current" | "coasting" | "degraded" | "lost";
export type Urgency = "advisory" | "caution" | "warning";
export type Standing = "inside" | "excursion" | "contingent" | "undeclared" | "early" | "late" | "on_ground" | "not_judged";
export type FeedState = "connecting" | "live" | "silent" | "waiting" | "ended" | "failed";

/** What is left out has its usual value: nothing told, no party, not on the ground. */
export type WatchTrack = {
  id: string;
  at: string;
  lat: number;
  lng: number;
  status: TrackStatus;
  age_s: number;
  error_m: number;
  altitude_m?: number | null;
  pressure_altitude_ft?: number | null;
  ground_speed_mps?: number | null;
  track_deg?: number | null;
  vertical_rate_mps?: number | null;
  party?: string | null;
  kind?: TrackKind;
  callsign?: string | null;
  squawk?: string | null;
  sources?: string[];
  on_ground?: boolean;
  is_frozen?: boolean;
  suspicion?: string | null;
  operation?: string | null;
  standing?: Standing;
};

export type WatchTracks = { now: string; tracks: WatchTrack[] };
export type TrailPoint = { at: string; lat: number; lng: number; altitude_m: number | null };
export type TrackDetail = { track: WatchTrack; trail: TrailPoint[]; twins: string[] };

/** `unseen` and `ended_unseen`: nothing is heard of an aircraft of it, which is not the end of it, and not cleared. */
export type AlertState = "open" | "fading" | "unseen" | "cleared" | "ended_unseen" | "crowded_out";
export type AlertStep = { at: string; change: string; urgency: Urgency; cause: string; by: string | null };
export type PathPoint = { lat: number; lng: number; altitude_m: number | null; t_s: number };

export type Alert = {
  id: string;
  kind: string;
  a: string;
  b: string;
  state: AlertState;
  urgency: Urgency;
  peak_urgency: Urgency;
  is_present: boolean;
  t_in_s: number;
  opened: string;
  changed: string;
  ended: string | null;
  unseen_since: string | null;
  present_since: string | null;
  present_s: number;
  rule: string | null;
  level: string | null;
  item: string | null;
  item_version: number | null;
  facts: Record<string, number>;
  cause: string;
  is_acknowledged: boolean;
  climbed: number;
  history: AlertStep[];
  paths: Record<string, PathPoint[]>;
};

export type Alerts = { now: string; alerts: Alert[]; unlisted_count: number };

export type Feed = {
  name: string;
  address: string;
  format: string;
  state: FeedState;
  since: string;
  last_received: string | null;
  last_report: string | null;
  report_count: number;
  refused_count: number;
  malformed_count: number;
  dropped_count: number;
  reconnect_count: number;
  last_problem: string | null;
};

export type WatchTold = {
  now: string;
  is_watching: boolean;
  rule_set: string;
  cycle_took_ms: number;
  feeds: Feed[];
  by_status: Record<string, number>;
  track_count: number;
  pairs_cannot_exclude: number;
  not_predicted_count: number;
  blind: string[];
};

export type Moment = {
  at: string;
  tracks: WatchTrack[];
  trails: Record<string, TrailPoint[]>;
  alerts: Alert[];
  watch: WatchTold;
  /** As the log has them: an item, or a record with the item in it. */
  items: Record<string, unknown>[];
};

export type Span = { start: string; end: string; report_count: number; bytes_count: number };

/** What is shown of the past, while it is. `moment` is the last that came, `atMs` what is asked for. */
export type Replay = {
  status: "asking" | "known" | "failed";
  atMs: number;
  moment: Moment | null;
  items: Map<string, { item: Item; version: number }>;
  /** How many times as fast as it happened; 0 stands. */
  speed: number;
  error: string;
};

/** What is known of the watch. A part is null until it is known: none is not the same as not known. */
export type WatchView = {
  alerts: Alerts | null;
  /** When they were told last, by the page's own clock; the same for `told`. */
  alertsHeardMs: number;
  told: WatchTold | null;
  toldHeardMs: number;
  /** Reports a second by the name of the feed; null until two looks tell it. */
  rates: Record<string, number | null>;
  /** Alerts that are over, once they were asked for. */
  ended: Alert[] | null;
  /** Acknowledgements that are on their way (empty), or why they were refused, by the id of the alert. */
  acting: Record<string, string>;
  /** Of the track that is chosen. */
  detail: TrackDetail | null;
  spans: Span[] | null;
  spansError: string;
  replay: Replay | null;
};

/** What the map marks at a track. */
export type TrackMark = { urgency: Urgency | null; outside: Outside | null };
/** How far a track is outside what is declared; 0 is not. */
export type Outside = { lateral_m: number; vertical_m: number };

/** A message that can be prepared about an alert: the fields of the form that are known. */
export type Prepared = { code: string; to: string; fields: Record<string, unknown> };

export type { LatLng };
