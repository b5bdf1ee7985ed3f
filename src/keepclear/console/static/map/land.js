/** The base map: land from the package, and a graticule. No border is drawn: borders are political. */

import { CanvasLayer } from "./canvas_layer.js";

/** @typedef {import("./canvas_layer.js").Frame} Frame */
/** @typedef {import("./palette.js").Palette} Palette */

const LAND = new URL("../vendor/land-50m.json", import.meta.url);
const STEPS_DEG = [30, 20, 10, 5, 2, 1, 0.5, 0.2, 0.1, 0.05, 0.02, 0.01];
const STEP_PX_MIN = 130;
const LAT_MAX_DEG = 85;

export class Land {
  constructor() {
    this.source = new ol.source.Vector();
    // An image of the vectors, made once a view: panning then only moves it.
    this.layer = new ol.layer.VectorImage({ source: this.source, imageRatio: 1.5, zIndex: 0 });
    this.graticule = new CanvasLayer((context, frame) => this.drawGraticule(context, frame), {
      zIndex: 1, hasMargin: false, // degrees are written at the edges
    });
    /** @type {Palette | null} */
    this.palette = null;
  }

  /** @param {Palette} palette */
  paint(palette) {
    this.palette = palette;
    this.layer.setStyle(new ol.style.Style({
      fill: new ol.style.Fill({ color: palette.land }),
      stroke: new ol.style.Stroke({ color: palette.coast, width: 1 }),
    }));
    this.graticule.changed();
  }

  async load() {
    const answer = await fetch(LAND);
    const format = new ol.format.TopoJSON();
    const [feature] = format.readFeatures(await answer.json(), { featureProjection: "EPSG:3857" });
    const geometry = /** @type {import("ol/geom.js").MultiPolygon} */ (feature?.getGeometry());
    // One feature for each piece of land: those out of view are then left out.
    this.source.addFeatures(geometry.getPolygons().map((polygon) => new ol.Feature(polygon)));
  }

  /**
   * @param {CanvasRenderingContext2D} context
   * @param {Frame} frame
   */
  drawGraticule(context, frame) {
    if (this.palette === null) return;
    const { left, top, resolution, width, height } = frame;
    const [west, south] = degreesOf(left, top - height * resolution);
    const [east, north] = degreesOf(left + width * resolution, top);
    const degree_px = width / (east - west);
    const step = STEPS_DEG.findLast((size) => size * degree_px >= STEP_PX_MIN) ?? 30;
    context.strokeStyle = this.palette.grid;
    context.fillStyle = this.palette.ink;
    context.font = "10px 'Noto Sans', system-ui, sans-serif";
    context.textBaseline = "bottom";
    context.lineWidth = 1;
    context.beginPath();
    for (let lng = Math.ceil(Math.max(west, -180) / step) * step; lng <= Math.min(east, 180); lng += step) {
      const x = Math.round((pixelsOf(lng, 0)[0] - left) / resolution) + 0.5;
      context.moveTo(x, 0);
      context.lineTo(x, height);
      context.textAlign = "left";
      context.fillText(degreeText(lng, "E", "W"), x + 3, height - 2);
    }
    for (let lat = Math.ceil(Math.max(south, -LAT_MAX_DEG) / step) * step; lat <= Math.min(north, LAT_MAX_DEG); lat += step) {
      const y = Math.round((top - pixelsOf(0, lat)[1]) / resolution) + 0.5;
      context.moveTo(0, y);
      context.lineTo(width, y);
      context.textAlign = "right";
      context.fillText(degreeText(lat, "N", "S"), width - 3, y - 1);
    }
    context.stroke();
  }
}

/**
 * @param {number} x
 * @param {number} y
 * @returns {[number, number]}
 */
function degreesOf(x, y) {
  // toLonLat brings longitudes back to -180 to 180, which would turn a wide view inside out
  return [(x / Math.PI / 6378137) * 180, ol.proj.toLonLat([0, y])[1] ?? 0];
}

/**
 * @param {number} lng
 * @param {number} lat
 * @returns {[number, number]}
 */
function pixelsOf(lng, lat) {
  const [x = 0, y = 0] = ol.proj.fromLonLat([lng, lat]);
  return [x, y];
}

/**
 * @param {number} degrees
 * @param {string} positive
 * @param {string} negative
 */
function degreeText(degrees, positive, negative) {
  return `${Number(Math.abs(degrees).toFixed(2))}°${degrees < 0 ? negative : positive}`;
}
