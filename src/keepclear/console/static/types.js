/**
 * The shapes of data in the console: those of the HTTP API first, then those of its own state.
 *
 * Nothing here runs. Fields of the API keep its spelling (snake case); what the console adds to them
 * is written in camel case.
 */

/** @typedef {{lat: number, lng: number}} LatLng */
/** @typedef {{value: number, reference: "W84", units: "M"}} Altitude */
/** @typedef {{value: string, format: "RFC3339"}} Time */

/**
 * @typedef {object} Volume3D
 * @property {{vertices: LatLng[]}} [outline_polygon]
 * @property {{center: LatLng, radius: {value: number, units: "M"}}} [outline_circle]
 * @property {{start: LatLng, end: LatLng, half_width_m: number}} [outline_corridor]
 * @property {Altitude} [altitude_lower]
 * @property {Altitude} [altitude_upper]
 */

/** @typedef {{volume: Volume3D, time_start: Time, time_end: Time}} Volume */
/** @typedef {"operational_intent" | "constraint"} ItemKind */
/** @typedef {"Accepted" | "Activated" | "Nonconforming" | "Contingent" | "Ended"} ItemState */
/** @typedef {"keep_out" | "notify_first"} ZoneRule */

/**
 * @typedef {object} Item
 * @property {string} id
 * @property {ItemKind} kind
 * @property {string} [party]
 * @property {number} [priority]
 * @property {ItemState} [state]
 * @property {ZoneRule} [rule]
 * @property {Volume[]} volumes
 */

/**
 * @typedef {object} ItemRecord
 * @property {Item} item
 * @property {number} version
 * @property {number} seq
 * @property {"clear" | "conflicting" | "received"} standing
 * @property {{party: string, person: string}} by
 * @property {string} at
 * @property {boolean} withdrawn
 */

/** @typedef {{id: string, party: string | null, kind: ItemKind, priority: number, volume: number}} Side */

/**
 * @typedef {object} Witness
 * @property {number} lat
 * @property {number} lng
 * @property {number} altitude_m
 * @property {string} time
 * @property {number} lateral_overlap_m
 * @property {number} overlap_area_m2
 * @property {number | null} vertical_overlap_m  null is without bound
 * @property {number} time_overlap_s
 * @property {number} lateral_gap_m
 * @property {number} vertical_gap_m
 * @property {number} time_gap_s
 */

/**
 * @typedef {object} Finding
 * @property {"conflict" | "notice_required" | "near_miss"} verdict  near misses only where a gap was asked for
 * @property {Side} a
 * @property {Side} b
 * @property {Witness} witness
 * @property {[number, number][]} volume_pairs
 */

/**
 * @typedef {object} Checked
 * @property {number} operations
 * @property {number} zones
 * @property {number} seq
 * @property {string} now
 * @property {string | null} [reason]
 */

/**
 * @typedef {object} Answer
 * @property {"clear" | "conflict" | "cannot_decide"} answer
 * @property {Finding[]} findings
 * @property {number} total
 * @property {string | null} next
 * @property {Checked} checked
 */

/** @typedef {"time" | "altitude" | "time_and_altitude" | "lateral"} ChangeKind */

/**
 * @typedef {object} Change
 * @property {ChangeKind} change
 * @property {number} time_shift_s
 * @property {number} altitude_shift_m
 * @property {number} lateral_m
 * @property {number | null} bearing_deg
 * @property {boolean} is_smallest
 * @property {{id: string, own_volume: number, other_volume: number}[]} forced_by
 * @property {Item} item
 */

/**
 * @typedef {object} Resolution
 * @property {string} id
 * @property {boolean} clear
 * @property {Finding[]} conflicts
 * @property {Change[]} changes
 * @property {ChangeKind[]} none_within
 * @property {{change: ChangeKind, reason: string}[]} undecided
 * @property {{time_s: number, altitude_m: number, lateral_m: number}} limits
 */

/**
 * @typedef {object} Session
 * @property {string} party
 * @property {string} person
 * @property {"viewer" | "duty_officer" | "administrator"} role
 * @property {string} csrf
 * @property {{party: string, name: string, conflicts: "refuse" | "record", is_demonstration: boolean,
 *   version: string}} node
 * @property {string} now
 * @property {number} speed
 * @property {number} seq
 */

/** @typedef {"aeroplane" | "helicopter" | "drone" | "vehicle" | "unknown"} TrackKind */

/** @typedef {{item?: string, field?: string, reason: string}} Fault */

/** @typedef {{party: string, id: string, version: number}} ItemRef  `id` is what its owner calls it */
/** @typedef {{person: string, at: string, n: number, what?: string}} Said */

/**
 * @typedef {object} PeerLink
 * @property {string} party
 * @property {"up" | "late" | "cut"} state
 * @property {boolean} switched_off
 * @property {string | null} address
 * @property {string | null} last_heard
 * @property {number | null} clock_offset_ms
 * @property {number | null} clock_error_ms
 * @property {Record<string, number>} their_head  how far it holds each log, as it told
 * @property {number | null} ours_as_they_have_it
 * @property {string | null} error
 * @property {string[]} refused
 */

/**
 * @typedef {object} Party
 * @property {string} id
 * @property {string} name
 * @property {boolean} is_own
 * @property {string} pinned_at
 * @property {string[]} words
 * @property {{size: number, root: string, frozen: string | null, withheld: number} | null} log
 * @property {PeerLink | null} link
 */

/**
 * Delivered, seen and answered are three things: none follows from another.
 * @typedef {object} Receipt
 * @property {string} party
 * @property {boolean} concerned
 * @property {boolean} delivered
 * @property {string | null} delivered_at
 * @property {Said | null} seen
 * @property {Said | null} answered
 * @property {string | null} since  since when it has not been seen
 */

/** @typedef {"coordinated" | "waiting" | "conflicting" | "contested" | "over"} CoordinationWord */

/**
 * @typedef {object} Coordinated
 * @property {string} id
 * @property {ItemRef} ref
 * @property {number} n
 * @property {CoordinationWord} state
 * @property {string} stated_at
 * @property {Receipt[]} receipts
 * @property {string[]} conflicts
 * @property {string[]} open_conflicts
 */

/**
 * @typedef {object} Had
 * @property {string} id
 * @property {ItemRef} ref
 * @property {string} stated_at
 * @property {string | null} delivered_at
 * @property {Said | null} seen
 * @property {Said | null} answered
 */

/** @typedef {"proposed" | "countered" | "accepted" | "declined" | "withdrawn" | "superseded"} NegotiationWord */

/**
 * @typedef {object} Negotiation
 * @property {string} id
 * @property {string} by
 * @property {string} to
 * @property {NegotiationWord} state
 * @property {ItemRef[]} conflict
 * @property {{item: ItemRef, becomes: unknown}[]} changes  another party wrote it: it may be anything
 * @property {string | null} counters
 * @property {{accepted: boolean, reason: string} | null} answer
 */

/**
 * @typedef {object} AgreementText
 * @property {{lateral_m: number, vertical_m: number, time_s: number}} buffer
 * @property {{lateral_m: number, vertical_m: number, duration_s: number}} minima
 * @property {{seen_s: number, answered_s: number}} timers
 * @property {{minima_factor: number, time_extra_s: number}} fallback
 * @property {number} lead_s
 * @property {number} lead_emergency_s
 */

/**
 * @typedef {object} Agreement
 * @property {string[]} between
 * @property {string} digest
 * @property {number} version
 * @property {boolean} in_force
 * @property {boolean} ambiguous
 * @property {string[]} accepted_by
 * @property {string[]} declined_by
 * @property {AgreementText} text
 */

/** @typedef {{by: string, peer: string, reason: string, since: string}} Hold */
/** @typedef {{id: number, party: string, reason: string, at: string, content: unknown}} Evidence */

/**
 * A shape that is being drawn or typed; it becomes one volume, or one for each leg of a corridor.
 * @typedef {object} DraftShape
 * @property {"polygon" | "circle" | "corridor"} type
 * @property {LatLng[]} points  the corners, the centre, or the places along the corridor
 * @property {number} size_m  the radius, or the half-width; unused for a polygon
 * @property {number | null} lower_m  null is without bound
 * @property {number | null} upper_m
 * @property {number | null} startMs  null until it is filled in
 * @property {number | null} endMs
 */

/**
 * @typedef {object} Draft
 * @property {string} id
 * @property {ItemKind} kind
 * @property {ZoneRule} rule
 * @property {number} priority
 * @property {ItemState} state
 * @property {DraftShape[]} shapes
 * @property {number | null} version  the version that it amends; null for a new item
 * @property {number} chosen  which shape the coordinates table shows
 */

/**
 * What the node said about a draft.
 * @typedef {object} DraftOutcome
 * @property {"none" | "checking" | "checked" | "failed" | "sending" | "refused"} status
 * @property {Answer | null} answer
 * @property {Finding[]} findings
 * @property {string} error
 * @property {Fault[]} faults
 */

/**
 * @typedef {object} ResolutionState
 * @property {string} id
 * @property {Item | null} item  the draft that it is for; null for an item that is held
 * @property {"loading" | "known" | "failed" | "applying" | "applied"} status
 * @property {Resolution | null} result
 * @property {string} error
 */

/**
 * @typedef {object} UploadRow
 * @property {Item} item
 * @property {boolean} isChosen
 * @property {"waiting" | "declared" | "refused"} status
 * @property {string} detail
 */

/**
 * @typedef {object} UploadState
 * @property {string} name
 * @property {"reading" | "read" | "declaring" | "failed"} status
 * @property {UploadRow[]} rows
 * @property {Fault[]} problems
 * @property {{item: string, text: string}[]} assumptions
 * @property {string} error
 */

/**
 * @typedef {object} ConflictsState
 * @property {"loading" | "known" | "failed"} status  "failed": what is shown is not current
 * @property {Answer | null} answer
 * @property {string} error
 */

/**
 * What the logs of the parties say. A part is null until it is known: none is not the same as not known.
 * @typedef {object} CoordinationState
 * @property {"unknown" | "absent" | "known" | "failed"} status  "absent": the node has no keys, and so no log
 * @property {string} error
 * @property {Party[] | null} parties
 * @property {Map<string, Coordinated> | null} items
 * @property {Negotiation[] | null} negotiations
 * @property {Agreement[] | null} agreements
 * @property {Hold[] | null} holds
 * @property {Evidence[] | null} evidence
 */

/**
 * The question what a party had at an instant, and the answer.
 * @typedef {object} HadState
 * @property {string} party
 * @property {number | null} atMs  null is the shown time
 * @property {"none" | "asking" | "known" | "failed"} status
 * @property {{party: string, at: string, items: Had[]} | null} answer
 * @property {string} error
 */

/** @typedef {{findingKey: string | null, itemId: string | null, trackId: string | null, alertId: string | null}} Selection */
/** @typedef {{theme: "light" | "dark" | "night", language: string, unit: "m" | "ft",
 *   showsOtherTimes: boolean, showsTracks: boolean}} Preferences */
/** @typedef {{text: string, party: string, kind: string, state: string, coordination: string}} ItemFilter */
/** @typedef {Record<string, string | Record<string, string>>} Catalogue */

/**
 * @typedef {object} State
 * @property {"asking" | "out" | "in"} sessionStatus
 * @property {Session | null} session
 * @property {string} signInError
 * @property {{nodeMs: number, localMs: number, speed: number} | null} clock
 * @property {number} nowMs  the node's time, brought forward once a second
 * @property {"connecting" | "live" | "stale" | "cut"} link
 * @property {number} heardLocalMs  when the node was last heard, on the page's own clock
 * @property {"loading" | "known" | "failed"} itemsStatus
 * @property {Map<string, ItemRecord>} records
 * @property {Map<string, number>} withdrawn  the number of the event that withdrew an item
 * @property {string[]} parties  in the order in which they got their marks
 * @property {ConflictsState} conflicts
 * @property {boolean} showsOwnFindingsOnly
 * @property {Selection} selection
 * @property {number | null} chosenMs  null follows the node's time
 * @property {string} span
 * @property {Item | null} preview
 * @property {ResolutionState | null} resolution
 * @property {Draft | null} draft
 * @property {DraftOutcome} outcome
 * @property {"none" | "polygon" | "circle" | "corridor"} drawing
 * @property {UploadState | null} upload
 * @property {"conflicts" | "watch" | "items" | "declare" | "hotline" | "parties"} panel
 * @property {CoordinationState} coordination
 * @property {import("./watch_types.js").WatchView} watch
 * @property {import("./hotline_types.js").HotlineState} hotline
 * @property {import("./hotline_types.js").OfficerState} officer
 * @property {import("./hotline_types.js").SigningState | null} signing
 * @property {import("./hotline_types.js").ComposeState | null} compose
 * @property {import("./hotline_types.js").SuggestedState | null} suggested
 * @property {{isAllowed: boolean, mutedUntilMs: number}} sound  muted until then by the page's own clock
 * @property {import("./hotline_types.js").VoiceState | null} voice
 * @property {import("./hotline_types.js").PaperState | null} paper
 * @property {HadState} had
 * @property {ItemFilter} filter
 * @property {Preferences} preferences
 * @property {Catalogue} catalogue
 * @property {{text: string, isUrgent: boolean, number: number}} message
 * @property {"none" | "help" | "withdraw" | "cut_link" | "key" | "voice" | "paper"} dialog
 * @property {string} linkParty  whose link the dialog asks about
 * @property {boolean} isGuideOpen
 * @property {string[]} idsInView
 * @property {{count: number, staleCount: number}} tracks
 */

export {};
