import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

import { Quantities } from "../../../src/keepclear/console/static/quantities.js";
import { translator } from "../../../src/keepclear/console/static/texts.js";
import { clockText, instantText, msOfField } from "../../../src/keepclear/console/static/times.js";

const FOLDER = new URL("../../../src/keepclear/console/static/locales/", import.meta.url);
const LANGUAGES = ["en", "ru", "ar"];
/** @type {Record<string, import("../../../src/keepclear/console/static/types.js").Catalogue>} */
const CATALOGUES = Object.fromEntries(LANGUAGES.map((language) =>
  [language, JSON.parse(readFileSync(new URL(`${language}.json`, FOLDER), "utf8"))]));

/** @param {string} text */
const plain = (text) => text.replace(/[\u2066-\u2069]/g, "");
/** @param {unknown} entry */
const insertsOf = (entry) => [...new Set(JSON.stringify(entry).match(/\{\w+\}/g) ?? [])].sort();

test("every language has the same keys, the same inserts, and all of its plural forms", () => {
  for (const language of LANGUAGES) {
    const catalogue = CATALOGUES[language] ?? {};
    assert.deepEqual(Object.keys(catalogue).sort(), Object.keys(CATALOGUES.en ?? {}).sort());
    const forms = new Intl.PluralRules(language).resolvedOptions().pluralCategories;
    for (const [key, entry] of Object.entries(catalogue)) {
      assert.deepEqual(insertsOf(entry), insertsOf(CATALOGUES.en?.[key]), `${language} ${key}`);
      if (typeof entry !== "string") assert.deepEqual(Object.keys(entry).sort(), [...forms].sort(), `${language} ${key}`);
    }
  }
});

test("an insert is isolated, so that it cannot reorder the text round it", () => {
  const t = translator({ greeting: "{who} ←" }, "ar");
  assert.equal(t("greeting", { who: "A3" }), "\u2068A3\u2069 ←");
});

test("digits are Western in every language", () => {
  for (const language of LANGUAGES) {
    const t = translator(CATALOGUES[language] ?? {}, language);
    const quantities = new Quantities(t, language, "m");
    assert.match(plain(quantities.length(2130)), /^2[.,]13/);
    assert.match(plain(t("verdict.conflicts", { count: 5 })), /5/);
  }
});

test("heights and lengths follow the units, and unbounded is said in words", () => {
  const t = translator(CATALOGUES.en ?? {}, "en");
  assert.equal(plain(new Quantities(t, "en", "ft").height(304.8)), "1,000 ft");
  assert.equal(plain(new Quantities(t, "en", "ft").length(1852)), "1 NM");
  assert.equal(plain(new Quantities(t, "en", "m").band(null, 90)), "up to 90 m");
  assert.equal(plain(new Quantities(t, "en", "m").height(null)), "without bound");
  assert.equal(plain(new Quantities(t, "en", "m").duration(200)), "3 min 20 s");
});

test("a time is written in UTC and read back the same", () => {
  const ms = Date.parse("2026-05-01T10:42:00Z");
  assert.equal(clockText(ms), "10:42Z");
  assert.equal(clockText(ms + 5000), "10:42:05Z");
  assert.equal(instantText(ms, ms + 86_400_000), "2026-05-01 10:42Z");
  assert.equal(msOfField("2026-05-01 10:42"), ms);
  assert.equal(msOfField("2026-06-31 10:42"), null);
  assert.equal(msOfField("10:42"), null);
});
