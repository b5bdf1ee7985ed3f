/**
 * The draft on the map: drawn with the pointer, and its corners moved.
 *
 * The store holds the draft; features are made from it whenever it changes elsewhere, and what the
 * pointer changes goes back as an action. Here OpenLayers' own interactions are used.
 */

import { circleRing, distanceM } from "../geodesy.js";
import { mapPoints, POINTS_MIN } from "../drafts.js";

/** @typedef {import("../types.js").Draft} Draft */
/** @typedef {import("../types.js").DraftShape} DraftShape */
/** @typedef {import("../types.js").LatLng} LatLng */
/** @typedef {import("./palette.js").Palette} Palette */

/** @type {Record<DraftShape["type"], "Polygon" | "Circle" | "LineString">} */
const DRAWN_AS = { polygon: "Polygon", circle: "Circle", corridor: "LineString" };
const SNAP_PX = 10;

export class DraftLayer {
  /**
   * @param {import("ol").Map} map
   * @param {{take: (type: DraftShape["type"], drawn: Pick<DraftShape, "points"> & Partial<DraftShape>) => void,
   *   modify: (number: number, change: Partial<DraftShape>) => void}} handlers
   */
  constructor(map, handlers) {
    this.map = map;
    this.handlers = handlers;
    /** @type {Palette | null} */
    this.palette = null;
    /** @type {DraftShape[]} */
    this.shown = [];
    this.source = new ol.source.Vector();
    this.layer = new ol.layer.Vector({ source: this.source, zIndex: 6, style: (feature) => this.style(feature) });
    map.addLayer(this.layer);
    this.modify = new ol.interaction.Modify({ source: this.source });
    this.modify.on("modifyend", ({ features }) => features.forEach((feature) => this.onModified(feature)));
    /** @type {import("ol/interaction/Draw.js").default | null} */
    this.draw = null;
    this.snap = new ol.interaction.Snap({ source: this.source, pixelTolerance: SNAP_PX });
    map.addInteraction(this.modify);
  }

  /**
   * Show a draft, or none.
   *
   * @param {Draft | null} draft
   */
  show(draft) {
    const shapes = draft?.shapes ?? [];
    const isSame = shapes.length === this.shown.length
      && shapes.every((shape, k) => shape.points === this.shown[k]?.points && shape.size_m === this.shown[k]?.size_m);
    this.shown = shapes;
    if (isSame) return;
    this.source.clear();
    shapes.forEach((shape, number) => {
      const geometry = geometryOf(shape);
      if (geometry === null) return;
      const feature = new ol.Feature(geometry);
      feature.set("number", number);
      this.source.addFeature(feature);
    });
  }

  /**
   * Begin to draw, or stop.
   *
   * @param {import("../types.js").State["drawing"]} drawing
   */
  setDrawing(drawing) {
    if (this.draw !== null) this.map.removeInteraction(this.draw);
    this.map.removeInteraction(this.snap);
    this.draw = null;
    this.modify.setActive(drawing === "none");
    if (drawing !== "none") {
      this.draw = new ol.interaction.Draw({ type: DRAWN_AS[drawing], stopClick: true });
      this.draw.on("drawend", ({ feature }) => {
        const geometry = feature.getGeometry();
        if (geometry !== undefined) this.handlers.take(drawing, drawnOf(drawing, geometry));
      });
      this.map.addInteraction(this.draw);
    }
    // the last interaction that is added sees the pointer first
    this.map.addInteraction(this.snap);
  }

  /** @param {Palette} palette */
  paint(palette) {
    this.palette = palette;
    this.layer.changed();
  }

  /** @param {import("ol").Feature} feature */
  onModified(feature) {
    const number = feature.get("number");
    const shape = this.shown[number];
    const geometry = feature.getGeometry();
    if (shape === undefined || geometry === undefined) return;
    const { points, ...size } = drawnOf(shape.type, geometry);
    this.handlers.modify(number, { points, ...size });
  }

  /** @param {import("ol/Feature.js").FeatureLike} feature */
  style(feature) {
    // The outline is drawn with the marks, as the preview of what would be declared; here is what can be
    // taken hold of.
    const colour = this.palette?.select ?? "";
    const shape = this.shown[feature.get("number")];
    const stroke = new ol.style.Stroke({ color: colour, width: 1.5, lineDash: [2, 4] });
    const corner = new ol.style.Circle({
      radius: 4.5,
      fill: new ol.style.Fill({ color: this.palette?.halo ?? "" }),
      stroke: new ol.style.Stroke({ color: colour, width: 2 }),
    });
    const corners = new ol.geom.MultiPoint(shape === undefined ? [] : projected(mapPoints(shape)));
    return [new ol.style.Style({ stroke }), new ol.style.Style({ image: corner, geometry: corners })];
  }
}

/** @param {LatLng[]} places */
function projected(places) {
  return places.map(({ lat, lng }) => ol.proj.fromLonLat([lng, lat]));
}

/**
 * @param {DraftShape} shape
 * @returns {import("ol/geom.js").Geometry | null}
 */
function geometryOf(shape) {
  const points = mapPoints(shape);
  if (points.length < POINTS_MIN[shape.type]) return null;
  if (shape.type === "corridor") return new ol.geom.LineString(projected(points));
  if (shape.type === "polygon") {
    const ring = projected(points);
    return new ol.geom.Polygon([[...ring, /** @type {number[]} */ (ring[0])]]);
  }
  const center = /** @type {LatLng} */ (points[0]);
  const [middle, rim] = projected([center, /** @type {LatLng} */ (circleRing(center, shape.size_m)[16])]);
  // The rim to the east: there the radius on the map is the one at the latitude of the centre.
  return new ol.geom.Circle(/** @type {number[]} */ (middle),
    Math.hypot((rim?.[0] ?? 0) - (middle?.[0] ?? 0), (rim?.[1] ?? 0) - (middle?.[1] ?? 0)));
}

/**
 * Read a geometry of the map as points and size of a shape.
 *
 * @param {DraftShape["type"]} type
 * @param {import("ol/geom.js").Geometry} geometry
 * @returns {Pick<DraftShape, "points"> & Partial<DraftShape>}
 */
function drawnOf(type, geometry) {
  if (type === "circle") {
    const circle = /** @type {import("ol/geom.js").Circle} */ (geometry);
    const [x = 0, y = 0] = circle.getCenter();
    const [center, rim] = placesOf([[x, y], [x + circle.getRadius(), y]]);
    const size_m = distanceM(/** @type {LatLng} */ (center), /** @type {LatLng} */ (rim));
    return { points: [/** @type {LatLng} */ (center)], size_m: Math.max(1, Math.round(size_m)) };
  }
  if (type === "polygon") {
    const [ring = []] = /** @type {import("ol/geom.js").Polygon} */ (geometry).getCoordinates();
    return { points: placesOf(ring.slice(0, -1)) };
  }
  return { points: placesOf(/** @type {import("ol/geom.js").LineString} */ (geometry).getCoordinates()) };
}

/**
 * Return places to a tenth of a metre: what a pointer draws is no more exact.
 *
 * @param {number[][]} coordinates
 * @returns {LatLng[]}
 */
function placesOf(coordinates) {
  return coordinates.map((coordinate) => {
    const [lng = 0, lat = 0] = ol.proj.toLonLat(coordinate);
    return { lat: Math.round(lat * 1e6) / 1e6, lng: Math.round(lng * 1e6) / 1e6 };
  });
}
