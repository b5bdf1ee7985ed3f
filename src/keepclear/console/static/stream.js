/**
 * The live stream of the node: what happens now, and whether the node is heard at all.
 *
 * EventSource comes back by itself and resumes after the last event that it saw. Two things are added:
 * a stream that the browser gave up is opened again (it starts anew, so the numbers tell what was
 * missed), and a gap in the numbers is told.
 */

/** @typedef {import("./types.js").ItemRecord} ItemRecord */

/**
 * @typedef {object} StreamHandlers
 * @property {(record: ItemRecord) => void} item
 * @property {(said: import("./watch_types.js").WatchTracks) => void} tracks
 * @property {(said: import("./watch_types.js").Alerts) => void} alerts  those that are not over
 * @property {(said: import("./watch_types.js").WatchTold) => void} watch  what the watch sees, and what it does not
 * @property {(said: {now: string, speed: number, seq: number}) => void} clock
 * @property {() => void} logs  something was stated or taken, or a link is another: ask anew
 * @property {() => void} hotline  something of messages, duty or channels is another: ask anew
 * @property {() => void} gap  something was missed: everything must be asked again
 * @property {() => void} cut  the connection is lost
 */

const REOPEN_AFTER_MS = 3000;
const UNKNOWN = -1;

export class Stream {
  /** @param {StreamHandlers} handlers */
  constructor(handlers) {
    this.handlers = handlers;
    /** The number of the last item event that is known. */
    this.seq = UNKNOWN;
    /** What the clock event before the last one said that is not here yet. */
    this.awaitedSeq = UNKNOWN;
    this.isClosed = false;
    this.source = this.open();
  }

  open() {
    const source = new EventSource("/v1/stream");
    source.addEventListener("item", (event) => this.onItem(JSON.parse(event.data)));
    for (const kind of /** @type {const} */ (["tracks", "alerts", "watch"])) {
      source.addEventListener(kind, (event) => this.handlers[kind](JSON.parse(event.data)));
    }
    source.addEventListener("clock", (event) => this.onClock(JSON.parse(event.data)));
    for (const kind of ["logs", "links"]) source.addEventListener(kind, () => this.handlers.logs());
    source.addEventListener("hotline", () => this.handlers.hotline());
    source.addEventListener("error", () => this.onError(source));
    return source;
  }

  /** @param {{seq: number, record: ItemRecord}} event */
  onItem({ seq, record }) {
    if (this.seq !== UNKNOWN && seq > this.seq + 1) this.handlers.gap();
    this.seq = Math.max(this.seq, seq);
    this.handlers.item(record);
  }

  /** @param {{now: string, speed: number, seq: number}} said */
  onClock(said) {
    if (this.seq === UNKNOWN) this.seq = said.seq;
    // A lower number: the node was set back, or is another one, and nothing that is held counts.
    // A higher one that the next clock event still finds missing: its event got lost on the way.
    const isSetBack = said.seq < this.seq;
    const isMissed = this.awaitedSeq > this.seq;
    if (isSetBack || isMissed) {
      this.seq = said.seq;
      this.handlers.gap();
    }
    this.awaitedSeq = said.seq;
    this.handlers.clock(said);
  }

  /** @param {EventSource} source */
  onError(source) {
    if (this.isClosed) return;
    this.handlers.cut();
    if (source.readyState !== EventSource.CLOSED) return;
    setTimeout(() => {
      if (!this.isClosed && this.source === source) this.source = this.open();
    }, REOPEN_AFTER_MS);
  }

  close() {
    this.isClosed = true;
    this.source.close();
  }
}
