/**
 * The HTTP API, as far as the console uses it. Every request goes to the node that served the page.
 *
 * A refusal becomes a `Refusal`, a node that does not answer an `Unreachable`; nothing else is thrown.
 */

/** @typedef {import("./types.js").Item} Item */
/** @typedef {import("./types.js").ItemRecord} ItemRecord */
/** @typedef {import("./types.js").Finding} Finding */
/** @typedef {import("./types.js").Fault} Fault */
/** @typedef {import("./types.js").Coordinated} Coordinated */

const ANSWER_TIMEOUT_MS = 30_000;
export const PAGE_SIZE = 100;

/** The node answered, and said no. */
export class Refusal extends Error {
  /**
   * @param {number} status
   * @param {{title?: string, detail?: string, problems?: Fault[], findings?: Finding[], record?: ItemRecord}} problem
   */
  constructor(status, problem) {
    super(problem.detail || problem.title || String(status));
    this.status = status;
    this.title = problem.title ?? String(status);
    this.problems = problem.problems ?? [];
    this.findings = problem.findings ?? [];
    this.record = problem.record ?? null;
  }
}

/** The node did not answer. */
export class Unreachable extends Error {}

export class Api {
  constructor() {
    /** Set after signing in; without it the node refuses every change. */
    this.csrf = "";
  }

  /**
   * @param {string} method
   * @param {string} path
   * @param {{json?: unknown, bytes?: Blob, headers?: Record<string, string>}} [options]
   * @returns {Promise<any>}
   */
  async ask(method, path, { json, bytes, headers = {} } = {}) {
    /** @type {Record<string, string>} */
    const sent = { Accept: "application/json", ...headers };
    if (method !== "GET" && this.csrf !== "") sent["X-CSRF-Token"] = this.csrf;
    if (json !== undefined) sent["Content-Type"] = "application/json";
    if (bytes !== undefined) sent["Content-Type"] = "application/octet-stream";
    const body = json !== undefined ? JSON.stringify(json) : bytes;
    const signal = AbortSignal.timeout(ANSWER_TIMEOUT_MS);
    const request = { method, headers: sent, signal, ...(body === undefined ? {} : { body }) };
    let answer;
    let content;
    try {
      answer = await fetch(path, request);
      content = answer.status === 204 ? null : await answer.json();
    } catch (error) {
      if (answer === undefined || answer.ok) throw new Unreachable(String(error));
      content = {}; // an error page of something between the node and here
    }
    if (!answer.ok) throw new Refusal(answer.status, content);
    return content;
  }

  /** @returns {Promise<import("./types.js").Session>} */
  session() {
    return this.ask("GET", "/v1/session");
  }

  /** @param {string} token  empty for a demonstration node, which needs none */
  signIn(token) {
    return this.ask("POST", "/v1/session", { json: token === "" ? {} : { token } });
  }

  signOut() {
    return this.ask("DELETE", "/v1/session");
  }

  /**
   * @param {string | null} after
   * @returns {Promise<{items: ItemRecord[], next: string | null, seq: number, now: string}>}
   */
  items(after) {
    return this.ask("GET", `/v1/items?${query({ limit: PAGE_SIZE, after })}`);
  }

  /**
   * @param {string | null} after
   * @returns {Promise<import("./types.js").Answer>}
   */
  conflicts(after = null) {
    return this.ask("GET", `/v1/conflicts?${query({ limit: PAGE_SIZE, after })}`);
  }

  /** @returns {Promise<import("./watch_types.js").WatchTracks>} */
  tracks() {
    return this.ask("GET", "/v1/tracks");
  }

  /**
   * @param {string} id
   * @returns {Promise<import("./watch_types.js").TrackDetail>}
   */
  track(id) {
    return this.ask("GET", `/v1/tracks/${encodeURIComponent(id)}`);
  }

  /** @returns {Promise<import("./watch_types.js").Alerts>} */
  endedAlerts() {
    return this.ask("GET", `/v1/alerts?${query({ ended: true, limit: PAGE_SIZE })}`);
  }

  /**
   * @param {string} id
   * @param {string} urgency  as it was read
   * @returns {Promise<import("./watch_types.js").Alert>}
   */
  acknowledge(id, urgency) {
    return this.ask("POST", `/v1/alerts/${encodeURIComponent(id)}/acknowledgement`, { json: { urgency } });
  }

  /** @returns {Promise<{spans: import("./watch_types.js").Span[]}>} */
  recordings() {
    return this.ask("GET", "/v1/recordings");
  }

  /**
   * @param {string} at
   * @returns {Promise<import("./watch_types.js").Moment>}
   */
  moment(at) {
    return this.ask("GET", `/v1/moments?${query({ at })}`);
  }

  /**
   * @param {Item} item
   * @returns {Promise<import("./types.js").Answer>}
   */
  check(item) {
    return this.ask("POST", "/v1/check", { json: { item } });
  }

  /**
   * @param {{id: string} | {item: Item}} what
   * @returns {Promise<import("./types.js").Resolution>}
   */
  resolve(what) {
    return this.ask("POST", "/v1/resolve", { json: what });
  }

  /**
   * Declare an item (version null) or amend that version of it.
   *
   * @param {Item} item
   * @param {number | null} version
   * @returns {Promise<{record: ItemRecord, findings: Finding[]}>}
   */
  put(item, version) {
    const headers = version === null ? { "If-None-Match": "*" } : ifMatch(version);
    return this.ask("PUT", itemPath(item.id), { json: item, headers });
  }

  /**
   * @param {ItemRecord} record
   * @param {string} event
   * @returns {Promise<{record: ItemRecord}>}
   */
  step({ item, version }, event) {
    return this.ask("PATCH", itemPath(item.id), { json: { event }, headers: ifMatch(version) });
  }

  /**
   * @param {ItemRecord} record
   * @returns {Promise<{record: ItemRecord}>}
   */
  withdraw({ item, version }) {
    return this.ask("DELETE", itemPath(item.id), { headers: ifMatch(version) });
  }

  /**
   * @param {string} id
   * @returns {Promise<{versions: ItemRecord[]}>}
   */
  history(id) {
    return this.ask("GET", `/v1/history/${encodeURIComponent(id)}`);
  }

  /** @returns {Promise<import("./types.js").Party[]>} */
  async parties() {
    return (await this.ask("GET", "/v1/parties")).parties;
  }

  /**
   * @param {string} party
   * @param {boolean} isSwitchedOff
   */
  switchLink(party, isSwitchedOff) {
    return this.ask("PUT", `/v1/links/${encodeURIComponent(party)}`, { json: { switched_off: isSwitchedOff } });
  }

  /**
   * @param {string} id
   * @returns {Promise<Coordinated>}
   */
  coordinationOf(id) {
    return this.ask("GET", `/v1/coordination/${encodeURIComponent(id)}`);
  }

  /** @returns {Promise<Coordinated[]>} */
  coordination() {
    return this.all("/v1/coordination", "coordination");
  }

  /** @returns {Promise<import("./types.js").Negotiation[]>} */
  negotiations() {
    return this.all("/v1/negotiations", "negotiations");
  }

  /**
   * @param {string} party
   * @param {string} at
   * @returns {Promise<import("./types.js").Had[]>}
   */
  had(party, at) {
    return this.all("/v1/had", "items", { party, at });
  }

  /** @returns {Promise<import("./types.js").Evidence[]>} */
  evidence() {
    return this.all("/v1/evidence", "evidence");
  }

  /** @returns {Promise<import("./types.js").Agreement[]>} */
  async agreements() {
    return (await this.ask("GET", "/v1/agreements")).agreements;
  }

  /** @returns {Promise<import("./types.js").Hold[]>} */
  async holds() {
    return (await this.ask("GET", "/v1/holds")).holds;
  }

  /** @returns {Promise<import("./hotline_types.js").MessageCatalogue>} */
  messageCatalogue() {
    return this.ask("GET", "/v1/catalogue");
  }

  /** @returns {Promise<import("./hotline_types.js").Channel[]>} */
  async channels() {
    return (await this.ask("GET", "/v1/channels")).channels;
  }

  /**
   * @param {{with?: string | null, open?: true | null, drill?: string, before?: string | null}} asked
   * @returns {Promise<import("./hotline_types.js").MessagesPage>}
   */
  messages(asked) {
    return this.ask("GET", `/v1/messages?${query({ limit: PAGE_SIZE, ...asked })}`);
  }

  /** @returns {Promise<import("./hotline_types.js").Drill[]>} */
  async drills() {
    return (await this.ask("GET", "/v1/drills")).drills;
  }

  /**
   * @param {string} name
   * @param {string} party
   * @returns {Promise<import("./hotline_types.js").DrillReport>}
   */
  drillReport(name, party) {
    return this.ask("GET", `/v1/drills/${encodeURIComponent(name)}?${query({ with: party })}`);
  }

  /**
   * Have the node write what an officer wants to say; nothing is said yet.
   *
   * @param {{kind: string, person: string} & Record<string, unknown>} asked
   * @returns {Promise<import("./hotline_types.js").DraftTold>}
   */
  draft(asked) {
    return this.ask("POST", "/v1/drafts", { json: asked });
  }

  /**
   * Ask for proposals that clear a conflict, ready to be drafted.
   *
   * @param {string} item  which is to change
   * @param {string} other
   * @returns {Promise<{suggestions: import("./hotline_types.js").Suggestion[], none_within: string[]}>}
   */
  suggestions(item, other) {
    return this.ask("POST", "/v1/suggestions", { json: { item, other } });
  }

  /**
   * @param {Record<string, unknown>} asked  with whom, and what was said so far
   * @returns {Promise<import("./hotline_types.js").PictureChecked>}
   */
  pictureCheck(asked) {
    return this.ask("POST", "/v1/picture-checks", { json: asked });
  }

  /**
   * @param {import("./hotline_types.js").MessageRef} ref
   * @returns {Promise<import("./hotline_types.js").PaperForm>}
   */
  paper({ party, n }) {
    return this.ask("GET", `/v1/messages/${encodeURIComponent(party)}/${n}/paper`);
  }

  /**
   * Read a form as far as it was written down.
   *
   * @param {{lines: {text: string, symbol: string | null}[], total?: string | null, complete?: boolean}} given
   * @returns {Promise<import("./hotline_types.js").PaperRead>}
   */
  readForm(given) {
    return this.ask("POST", "/v1/paper", { json: given });
  }

  /**
   * Say what an officer signed.
   *
   * @param {string} jws
   * @returns {Promise<{n: number, not_amended: {item: import("./types.js").ItemRef, reason: string}[]}>}
   */
  say(jws) {
    return this.ask("POST", "/v1/deeds", { json: { jws } });
  }

  /**
   * Ask for every page of a list.
   *
   * @param {string} path
   * @param {string} field  where a page has its entries
   * @param {Record<string, string>} [asked]
   * @returns {Promise<any[]>}
   */
  async all(path, field, asked = {}) {
    const entries = [];
    let after = null;
    do {
      const page = await this.ask("GET", `${path}?${query({ ...asked, limit: PAGE_SIZE, after })}`);
      entries.push(...page[field]);
      after = page.next;
    } while (after !== null);
    return entries;
  }

  /**
   * @param {File} file
   * @returns {Promise<{items: Item[], problems: Fault[], assumptions: {item: string, text: string}[]}>}
   */
  read(file) {
    return this.ask("POST", `/v1/read?${query({ name: file.name })}`, { bytes: file });
  }
}

/** @param {number} version */
function ifMatch(version) {
  return { "If-Match": `"${version}"` };
}

/** @param {string} id */
function itemPath(id) {
  return `/v1/items/${encodeURIComponent(id)}`;
}

/** @param {Record<string, string | number | true | null>} values */
function query(values) {
  const given = Object.entries(values).filter(([, value]) => value !== null);
  return new URLSearchParams(given.map(([name, value]) => [name, String(value)])).toString();
}
