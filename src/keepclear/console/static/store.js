/**
 * The store: one state, changed only by `update`, and told to those who subscribe.
 *
 * Data flows one way: an action calls `update` with a function from state to state, panels and map
 * read the new state. Positions of tracks are not here, since they change too often: see tracks.js.
 */

/** @typedef {import("./types.js").State} State */

export class Store {
  /** @param {State} initial */
  constructor(initial) {
    this.state = initial;
    /** @type {Set<() => void>} */
    this.listeners = new Set();
  }

  /**
   * Replace the parts of the state that the function returns.
   *
   * @param {Partial<State> | ((state: State) => Partial<State>)} change
   */
  update(change) {
    const parts = typeof change === "function" ? change(this.state) : change;
    this.state = { ...this.state, ...parts };
    for (const listener of [...this.listeners]) listener();
  }

  /**
   * Call the listener after every change, until the returned function is called.
   *
   * @param {() => void} listener
   * @returns {() => void}
   */
  subscribe(listener) {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  /**
   * Call the listener when the selected part is another one.
   *
   * @template T
   * @param {(state: State) => T} select
   * @param {(value: T) => void} listener
   * @returns {() => void}
   */
  watch(select, listener) {
    let value = select(this.state);
    return this.subscribe(() => {
      const next = select(this.state);
      if (Object.is(next, value)) return;
      value = next;
      listener(next);
    });
  }
}
