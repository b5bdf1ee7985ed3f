/**
 * Geometry on a sphere, for display only: the node judges, the console draws.
 *
 * The sphere is wrong by up to half a percent of a length, which is under a pixel at any zoom where
 * a shape fits the screen.
 */

/** @typedef {import("./types.js").LatLng} LatLng */

export const EARTH_RADIUS_M = 6371008.8;
/** Longer edges get points added, since a geodesic is no straight line on the map. */
const EDGE_MAX_M = 20_000;
const CIRCLE_POINTS = 64;
const CAP_POINTS = 12;

/** @param {number} degrees */
const radians = (degrees) => (degrees * Math.PI) / 180;
/** @param {number} angle */
const degrees = (angle) => (angle * 180) / Math.PI;

/**
 * @param {LatLng} from
 * @param {LatLng} to
 */
export function distanceM(from, to) {
  const half = Math.sin(radians(to.lat - from.lat) / 2) ** 2
    + Math.cos(radians(from.lat)) * Math.cos(radians(to.lat)) * Math.sin(radians(to.lng - from.lng) / 2) ** 2;
  return 2 * EARTH_RADIUS_M * Math.asin(Math.min(1, Math.sqrt(half)));
}

/**
 * Return the direction in which the shortest path starts, true degrees.
 *
 * @param {LatLng} from
 * @param {LatLng} to
 */
export function bearingDeg(from, to) {
  const east = radians(to.lng - from.lng);
  const y = Math.sin(east) * Math.cos(radians(to.lat));
  const x = Math.cos(radians(from.lat)) * Math.sin(radians(to.lat))
    - Math.sin(radians(from.lat)) * Math.cos(radians(to.lat)) * Math.cos(east);
  return degrees(Math.atan2(y, x));
}

/**
 * @param {LatLng} from
 * @param {number} bearing_deg
 * @param {number} distance_m
 * @returns {LatLng}  its longitude may leave -180 to 180, so that it stays beside `from`
 */
export function destination(from, bearing_deg, distance_m) {
  const angle = distance_m / EARTH_RADIUS_M;
  const lat = radians(from.lat);
  const bearing = radians(bearing_deg);
  const sine = Math.sin(lat) * Math.cos(angle) + Math.cos(lat) * Math.sin(angle) * Math.cos(bearing);
  const east = Math.atan2(
    Math.sin(bearing) * Math.sin(angle) * Math.cos(lat),
    Math.cos(angle) - Math.sin(lat) * sine,
  );
  return { lat: degrees(Math.asin(Math.max(-1, Math.min(1, sine)))), lng: from.lng + degrees(east) };
}

/**
 * @param {LatLng} center
 * @param {number} radius_m
 * @returns {LatLng[]}
 */
export function circleRing(center, radius_m) {
  return Array.from({ length: CIRCLE_POINTS }, (_, k) => destination(center, (360 * k) / CIRCLE_POINTS, radius_m));
}

/**
 * Return the outline of all points within a half-width of a leg: with round ends, as it is judged.
 *
 * @param {LatLng} start
 * @param {LatLng} end
 * @param {number} halfWidth_m
 * @returns {LatLng[]}
 */
export function corridorRing(start, end, halfWidth_m) {
  const [from, to] = continuous([start, end]);
  if (from === undefined || to === undefined || distanceM(from, to) < 1) return circleRing(start, halfWidth_m);
  const spine = [from, ...edgePoints(from, to), to];
  const left = [];
  const right = [];
  for (let k = 0; k < spine.length; k += 1) {
    const here = /** @type {LatLng} */ (spine[k]);
    const bearing = k + 1 < spine.length
      ? bearingDeg(here, /** @type {LatLng} */ (spine[k + 1]))
      : bearingDeg(/** @type {LatLng} */ (spine[k - 1]), here);
    left.push(destination(here, bearing - 90, halfWidth_m));
    right.push(destination(here, bearing + 90, halfWidth_m));
  }
  return [
    ...left,
    ...cap(to, bearingDeg(from, to) - 90, halfWidth_m),
    ...right.reverse(),
    ...cap(from, bearingDeg(to, from) - 90, halfWidth_m),
  ];
}

/**
 * @param {LatLng} middle
 * @param {number} bearing_deg
 * @param {number} radius_m
 */
function cap(middle, bearing_deg, radius_m) {
  return Array.from({ length: CAP_POINTS - 1 }, (_, k) =>
    destination(middle, bearing_deg + (180 * (k + 1)) / CAP_POINTS, radius_m));
}

/**
 * Return the ring with points added on its long edges.
 *
 * @param {LatLng[]} ring
 * @returns {LatLng[]}
 */
export function geodesicRing(ring) {
  const corners = continuous(ring);
  return corners.flatMap((corner, k) => {
    const next = /** @type {LatLng} */ (continuous([corner, /** @type {LatLng} */ (corners[(k + 1) % corners.length])])[1]);
    return [corner, ...edgePoints(corner, next)];
  });
}

/**
 * Return the points between two places on their great circle, none if they are near.
 *
 * @param {LatLng} from
 * @param {LatLng} to
 * @returns {LatLng[]}
 */
function edgePoints(from, to) {
  const count = Math.min(200, Math.ceil(distanceM(from, to) / EDGE_MAX_M)) - 1;
  if (count < 1) return [];
  const bearing = bearingDeg(from, to);
  const step = distanceM(from, to) / (count + 1);
  return Array.from({ length: count }, (_, k) => destination(from, bearing, step * (k + 1)));
}

/**
 * Shift longitudes by whole turns so that no edge jumps across the map at the antimeridian.
 *
 * @param {LatLng[]} places
 * @returns {LatLng[]}
 */
export function continuous(places) {
  let last = places[0]?.lng ?? 0;
  return places.map(({ lat, lng }) => {
    last = lng - 360 * Math.round((lng - last) / 360);
    return { lat, lng: last };
  });
}

/**
 * Bring a longitude back to -180 to 180, as the API wants it.
 *
 * @param {LatLng} place
 * @returns {LatLng}
 */
export function normal({ lat, lng }) {
  const turns = Math.round(lng / 360);
  return { lat, lng: lng - 360 * turns };
}
