/**
 * The map: it puts the layers together, tells each what it shows, and turns clicks into actions.
 *
 * It reads the store and never changes it but through actions.
 */

import { itemOf as draftItemOf, missingIn, withShape } from "../drafts.js";
import { keyOf } from "../items.js";
import { looksOf, NO_PARTY } from "../parties.js";
import { isRightToLeft } from "../preferences.js";
import { Quantities } from "../quantities.js";
import { isOwn, shownMs } from "../state.js";
import { translator } from "../texts.js";
import { msOf } from "../times.js";
import { projected } from "../tracks.js";
import { aircraftOf, alertOf, marksOf, momentOf, shownAlerts } from "../watch.js";
import { DraftLayer } from "./draft_layer.js";
import { ItemsLayer } from "./items_layer.js";
import { Land } from "./land.js";
import { MarksLayer } from "./marks_layer.js";
import { readPalette } from "./palette.js";
import { Shapes } from "./shapes.js";
import { Symbols } from "./symbols.js";
import { TracksLayer } from "./tracks_layer.js";

/** @typedef {import("../types.js").State} State */
/** @typedef {import("../types.js").Finding} Finding */

const MOVE_MS = globalThis.matchMedia("(prefers-reduced-motion: reduce)").matches ? 0 : 250;
const PADDING_PX = 60;
const NEAR_MS = 15 * 60_000;
/** Round a conflict so much is shown at least and at most, metres of the map. */
const REACH_MIN_M = 6000;
const REACH_MAX_M = 60_000;
/** Round what an alert is about so much is shown. */
const AROUND_M = 3000;
/** The legend and the tools lie over the map. */
const LEGEND_PX = 190;
const VIEW_REST_MS = 200;
/** Positions come every second. */
const QUIET_MS = 2500;

export class MapView {
  /**
   * @param {import("../store.js").Store} store
   * @param {import("../actions/actions.js").Actions} actions
   * @param {import("../tracks.js").Tracks} tracks
   */
  constructor(store, actions, tracks) {
    this.store = store;
    this.actions = actions;
    this.tracks = tracks;
    this.palette = readPalette();
    this.symbols = new Symbols(this.palette, devicePixelRatio);
    this.looks = looksOf(store.state.parties);
    this.says = this.saying();
    /** Loaded with the first alert or track that is chosen. @type {import("./watch_layer.js").WatchLayer | null} */
    this.watchLayer = null;
    this.hasFitted = false;
    this.restTimer = 0;
    this.shapes = new Shapes(() => this.onShapes());
    this.land = new Land();
    this.items = new ItemsLayer(() => this.itemsScene());
    this.tracksLayer = new TracksLayer(() => this.tracksScene());
    this.marks = new MarksLayer(() => this.marksScene());
    this.map = new ol.Map({
      controls: [new ol.control.ScaleLine()],
      interactions: ol.interaction.defaults.defaults({ altShiftDragRotate: false, pinchRotate: false }),
      layers: [this.land.layer, this.land.graticule.layer, this.items.faint.layer, this.items.strong.layer, this.tracksLayer.canvas.layer,
        this.marks.canvas.layer],
      view: new ol.View({ center: [0, 2_000_000], zoom: 2.5, minZoom: 1.5, maxZoom: 19, enableRotation: false }),
    });
    this.draft = new DraftLayer(this.map, {
      take: actions.takeDrawn,
      modify: (number, change) => {
        const { draft } = store.state;
        if (draft !== null) actions.setDraft({ ...withShape(draft, number, change), chosen: number });
      },
    });
    this.listen();
    this.land.load();
    this.shapes.follow(store.state.records);
    this.paint();
  }

  listen() {
    const { store } = this;
    this.map.on("singleclick", (event) => this.onClick(event));
    this.map.on("moveend", () => this.onViewRest());
    this.map.on("change:size", () => this.fitFirst());
    this.tracks.changed = () => this.tracksLayer.canvas.changed();
    store.watch((state) => state.records, () => this.followItems());
    store.watch((state) => momentOf(state.watch) && state.watch.replay?.items, () => this.followItems());
    store.watch((state) => state.watch.alerts, () => this.drawWatched());
    store.watch((state) => state.watch.detail, () => this.drawWatched());
    store.watch((state) => state.selection, ({ alertId, trackId }) => {
      if (alertId !== null || trackId !== null) this.loadWatchLayer();
      this.drawWatched();
    });
    store.watch((state) => state.parties, (parties) => {
      this.looks = looksOf(parties);
      this.drawAll();
    });
    store.watch(shownMs, () => {
      this.items.strong.changed();
      this.marks.canvas.changed();
    });
    for (const select of /** @type {((state: State) => unknown)[]} */ ([
      ({ selection }) => selection, ({ preferences }) => preferences,
      ({ draft }) => draft?.id, ({ conflicts }) => conflicts, ({ outcome }) => outcome,
    ])) store.watch(select, () => this.drawAll());
    // tracks are faint while another time is shown
    store.watch(({ chosenMs }) => chosenMs === null, () => this.tracksLayer.canvas.changed());
    store.watch((state) => state.preferences.showsTracks, () => this.tracksLayer.canvas.changed());
    store.watch((state) => state.preview, () => this.marks.canvas.changed());
    store.watch((state) => state.preferences.theme, () => this.paint());
    for (const select of /** @type {((state: State) => unknown)[]} */ ([
      ({ catalogue }) => catalogue, ({ preferences }) => preferences.unit,
    ])) store.watch(select, () => this.onWords());
    // where nothing is told, what is shown grows older without an event
    store.watch((state) => Math.floor(state.nowMs / 1000), () => {
      if (this.tracks.sinceMs(performance.now()) > QUIET_MS) this.tracksLayer.canvas.changed();
    });
    store.watch((state) => state.draft, (draft) => {
      this.draft.show(draft);
      this.marks.canvas.changed();
    });
    store.watch((state) => state.drawing, (drawing) => this.draft.setDrawing(drawing));
  }

  /** Draw the outlines of what is held now, or was at the moment that is replayed. */
  followItems() {
    const { watch, records } = this.store.state;
    this.shapes.follow(momentOf(watch) === null ? records : watch.replay?.items ?? records);
  }

  drawWatched() {
    this.tracksLayer.canvas.changed();
    this.watchLayer?.canvas.changed();
  }

  async loadWatchLayer() {
    if (this.watchLayer !== null) return;
    const { WatchLayer } = await import("./watch_layer.js").catch(() => ({ WatchLayer: null })); // tried again with the next
    if (WatchLayer === null || this.watchLayer !== null) return;
    this.watchLayer = new WatchLayer(() => this.watchScene());
    this.map.addLayer(this.watchLayer.canvas.layer);
  }

  /** What writes words and quantities on the map. */
  saying() {
    const { catalogue, preferences: { language, unit } } = this.store.state;
    const t = translator(catalogue, language);
    const direction = /** @type {"ltr" | "rtl"} */ (isRightToLeft(language) ? "rtl" : "ltr");
    return { t, quantities: new Quantities(t, language, unit), direction };
  }

  onWords() {
    this.says = this.saying();
    this.drawWatched();
  }

  /** @param {HTMLElement | undefined} element */
  setTarget(element) {
    this.map.setTarget(element);
  }

  /** Take the colours of the theme. */
  paint() {
    this.palette = readPalette();
    this.symbols = new Symbols(this.palette, devicePixelRatio);
    this.land.paint(this.palette);
    this.draft.paint(this.palette);
    this.drawAll();
    this.drawWatched();
  }

  drawAll() {
    this.items.changed();
    this.marks.canvas.changed();
  }

  onShapes() {
    this.drawAll();
    this.fitFirst();
    this.onViewRest();
  }

  /** Show all that is held, once: when it is there and the map has its place on the page. */
  fitFirst() {
    const isReady = this.store.state.itemsStatus === "known" && this.shapes.held.size > 0 && this.map.getSize() !== undefined;
    if (this.hasFitted || !isReady) return;
    this.hasFitted = true;
    this.showAll();
  }

  onViewRest() {
    window.clearTimeout(this.restTimer);
    this.restTimer = window.setTimeout(() => {
      const extent = this.map.getView().calculateExtent(this.map.getSize());
      const seen = [...this.shapes.held.values()].filter(({ box }) => ol.extent.intersects(extent, box));
      this.actions.setInView(seen.map(({ item }) => item.id));
    }, VIEW_REST_MS);
  }

  /** @param {import("ol").MapBrowserEvent} event */
  onClick(event) {
    if (this.store.state.drawing !== "none") return;
    const [x = 0, y = 0] = event.coordinate;
    const { compose } = this.store.state;
    if (compose !== null && compose.picking !== "") {
      const [lng = 0, lat = 0] = ol.proj.toLonLat([x, y]);
      this.actions.pick({ lat, lng });
      return;
    }
    const resolution = this.map.getView().getResolution() ?? 1;
    const finding = this.marks.hit(x, y, resolution);
    const trackId = this.tracksLayer.hit(x, y, resolution);
    const hits = this.items.hit(x, y);
    // a second click at the same place goes on to what lies under the first
    const before = hits.indexOf(this.store.state.selection.itemId ?? "");
    const itemId = hits[(before + 1) % hits.length];
    if (finding !== null) this.actions.selectFinding(finding, { zoom: false });
    else if (trackId !== null) this.actions.selectTrack(trackId);
    else if (itemId !== undefined) this.actions.selectItem(itemId, { zoom: false });
    else this.actions.clearSelection();
  }

  /** Show all that is held. */
  showAll() {
    const extent = ol.extent.createEmpty();
    for (const { box } of this.shapes.held.values()) ol.extent.extend(extent, box);
    this.fit(extent);
  }

  /** @param {number} levels */
  zoomBy(levels) {
    const view = this.map.getView();
    view.animate({ zoom: (view.getZoom() ?? 2) + levels, duration: MOVE_MS });
  }

  /**
   * Show items; or, with the place where they meet, that place with what is round it.
   *
   * @param {string[]} ids
   * @param {import("../types.js").LatLng | null} place
   */
  showItems(ids, place) {
    const extent = ol.extent.createEmpty();
    for (const id of ids) ol.extent.extend(extent, this.shapes.held.get(id)?.box ?? []);
    if (place !== null) {
      const [x = 0, y = 0] = ol.proj.fromLonLat([place.lng, place.lat]);
      const size = Math.max(ol.extent.getWidth(extent), ol.extent.getHeight(extent)) / 2;
      const reach = Math.min(REACH_MAX_M, Math.max(REACH_MIN_M, ol.extent.isEmpty(extent) ? 0 : size));
      this.fit([x - reach, y - reach, x + reach, y + reach]);
    } else {
      this.fit(extent);
    }
  }

  /**
   * Show places with what is round them, and an item.
   *
   * @param {import("../types.js").LatLng[]} places
   * @param {string | null} itemId
   */
  showPlaces(places, itemId) {
    const extent = ol.extent.createEmpty();
    for (const place of places) {
      const { x, y } = projected(place);
      ol.extent.extend(extent, [x - AROUND_M, y - AROUND_M, x + AROUND_M, y + AROUND_M]);
    }
    // an item may be wide: one that is about a track is shown where that is
    if (places.length === 0) ol.extent.extend(extent, this.shapes.held.get(itemId ?? "")?.box ?? []);
    this.fit(extent, LEGEND_PX);
  }

  showDraft() {
    this.fit(this.draft.source.getExtent() ?? []);
  }

  /**
   * @param {number[]} extent
   * @param {number} [beside]  pixels that stay free at the side of the legend
   */
  fit(extent, beside = PADDING_PX) {
    const size = this.map.getSize();
    if (ol.extent.isEmpty(extent) || size === undefined) return;
    const isMirrored = this.says.direction === "rtl";
    const padding = [PADDING_PX, isMirrored ? beside : PADDING_PX, PADDING_PX, isMirrored ? PADDING_PX : beside];
    this.map.getView().fit(extent, { size, padding, duration: MOVE_MS, maxZoom: 14 });
  }

  /** @param {string | undefined} party */
  lookOf(party) {
    return this.looks.get(party ?? "") ?? NO_PARTY;
  }

  /** @returns {Finding[]} */
  findings() {
    const { conflicts, outcome, draft } = this.store.state;
    return [...conflicts.answer?.findings ?? [], ...draft === null ? [] : outcome.findings];
  }

  selectedIds() {
    const { selection } = this.store.state;
    const ids = new Set(selection.itemId === null ? [] : [selection.itemId]);
    for (const finding of this.findings()) {
      if (keyOf(finding) !== selection.findingKey) continue;
      ids.add(finding.a.id);
      ids.add(finding.b.id);
    }
    const item = this.alert()?.item;
    if (item) ids.add(item);
    return ids;
  }

  alert() {
    const { watch, selection } = this.store.state;
    return alertOf(watch, selection.alertId);
  }

  hiddenId() {
    const { draft } = this.store.state;
    return draft !== null && draft.version !== null ? draft.id : "";
  }

  /** @returns {import("./items_layer.js").ItemsScene} */
  itemsScene() {
    const { state } = this.store;
    return {
      shaped: this.shapes.held,
      shownMs: shownMs(state),
      selectedIds: this.selectedIds(),
      showsOtherTimes: state.preferences.showsOtherTimes,
      lookOf: (party) => this.lookOf(party),
      symbols: this.symbols,
      hiddenId: this.hiddenId(),
    };
  }

  /** @returns {import("./tracks_layer.js").TracksScene} */
  tracksScene() {
    const { state } = this.store;
    return {
      tracks: this.tracks,
      sinceMs: this.tracks.sinceMs(performance.now()),
      isNowShown: state.chosenMs === null || momentOf(state.watch) !== null,
      isVisible: state.preferences.showsTracks,
      selectedIds: new Set([...state.selection.trackId === null ? [] : [state.selection.trackId], ...aircraftOf(this.alert())]),
      marks: marksOf(shownAlerts(state.watch)),
      lookOf: (party) => this.lookOf(party),
      symbols: this.symbols,
      ...this.says,
    };
  }

  /** @returns {import("./watch_layer.js").WatchScene} */
  watchScene() {
    const { watch, nowMs, selection } = this.store.state;
    return {
      alert: this.alert(),
      passed_s: watch.alerts === null || momentOf(watch) !== null ? 0 : (nowMs - msOf(watch.alerts.now)) / 1000,
      trail: momentOf(watch) === null && watch.detail?.track.id === selection.trackId ? watch.detail.trail : [],
      colourOf: (id) => this.symbols.colour(this.lookOf(this.tracks.shown.get(id)?.report.party ?? undefined)),
      palette: this.palette,
      ...this.says,
    };
  }

  /** @returns {import("./marks_layer.js").MarksScene} */
  marksScene() {
    const { state } = this.store;
    const at = shownMs(state);
    const selectedIds = this.selectedIds();
    const namedIds = new Set(selectedIds);
    for (const { item } of state.records.values()) if (isOwn(state, item)) namedIds.add(item.id);
    const findings = this.findings().map((finding, k) => {
      const [x = 0, y = 0] = ol.proj.fromLonLat([finding.witness.lng, finding.witness.lat]);
      namedIds.add(finding.a.id).add(finding.b.id);
      const isSelected = keyOf(finding) === state.selection.findingKey;
      const isNear = Math.abs(msOf(finding.witness.time) - at) < NEAR_MS;
      return { finding, number: k + 1, x, y, isSelected, isNear };
    });
    return {
      shaped: this.shapes.held,
      shownMs: at,
      namedIds,
      selectedIds,
      findings,
      preview: state.preview ?? this.draftItem(),
      hiddenId: this.hiddenId(),
      lookOf: (party) => this.lookOf(party),
      symbols: this.symbols,
    };
  }

  /** A draft that is typed is drawn like a preview, whether or not the pointer made it. */
  draftItem() {
    const { draft, session } = this.store.state;
    if (draft === null || session === null || missingIn(draft).length > 0) return null;
    return draftItemOf(draft, session.party);
  }
}
