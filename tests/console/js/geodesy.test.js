import assert from "node:assert/strict";
import { test } from "node:test";

import { bearingDeg, circleRing, continuous, corridorRing, destination, distanceM, geodesicRing,
  normal } from "../../../src/keepclear/console/static/geodesy.js";

const LATAKIA = { lat: 35.5, lng: 35.8 };

test("a destination lies as far and in the direction as asked for", () => {
  for (const bearing of [0, 45, 133, 270]) {
    const place = destination(LATAKIA, bearing, 12_345);
    assert.ok(Math.abs(distanceM(LATAKIA, place) - 12_345) < 0.01);
    assert.ok(Math.abs(((bearingDeg(LATAKIA, place) - bearing + 540) % 360) - 180) < 1e-6);
  }
});

test("a ring across the antimeridian has no jump", () => {
  const ring = circleRing({ lat: 10, lng: 179.99 }, 50_000);
  ring.forEach(({ lng }, k) => assert.ok(Math.abs(lng - (ring.at(k - 1)?.lng ?? lng)) < 180));
  const square = geodesicRing([{ lat: 0, lng: 179 }, { lat: 0, lng: -179 }, { lat: 1, lng: -179 }, { lat: 1, lng: 179 }]);
  assert.ok(Math.max(...square.map(({ lng }) => lng)) - Math.min(...square.map(({ lng }) => lng)) < 2.01);
});

test("longitudes made continuous come back to -180 to 180", () => {
  const places = [{ lat: 0, lng: 170 }, { lat: 0, lng: -170 }];
  assert.deepEqual(continuous(places), [{ lat: 0, lng: 170 }, { lat: 0, lng: 190 }]);
  assert.deepEqual(continuous(places).map(normal), places);
});

test("every point of a corridor's outline is a half-width from its leg", () => {
  const end = destination(LATAKIA, 60, 30_000);
  for (const place of corridorRing(LATAKIA, end, 500)) {
    const along = distanceM(LATAKIA, place) * Math.cos(((bearingDeg(LATAKIA, place) - 60) * Math.PI) / 180);
    const nearest = destination(LATAKIA, 60, Math.min(30_000, Math.max(0, along)));
    assert.ok(Math.abs(distanceM(nearest, place) - 500) < 2, `${distanceM(nearest, place)}`);
  }
});

test("a leg without length is a circle: somebody hovers there", () => {
  assert.deepEqual(corridorRing(LATAKIA, LATAKIA, 500), circleRing(LATAKIA, 500));
});
