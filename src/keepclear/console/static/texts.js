/**
 * Texts in the language of the reader.
 *
 * A catalogue is a JSON file of keys; a value is a text, or texts by plural category where `count`
 * decides. What is put into a text is isolated, so that an id in Latin letters does not change the
 * order of an Arabic sentence, or the other way round. Digits are Western in every language.
 */

/** @typedef {import("./types.js").Catalogue} Catalogue */
/** @typedef {(key: string, inserts?: Record<string, string | number>) => string} Translate */

const ISOLATE = "\u2068";
const LEFT_TO_RIGHT = "\u2066";
const END = "\u2069";

/**
 * Return what gives the text of a key.
 *
 * @param {Catalogue} catalogue
 * @param {string} language
 * @returns {Translate}
 */
export function translator(catalogue, language) {
  const plurals = new Intl.PluralRules(language);
  return (key, inserts = {}) => {
    const entry = catalogue[key];
    if (entry === undefined) return key;
    const text = typeof entry === "string" ? entry
      : entry[plurals.select(Number(inserts.count))] ?? entry.other ?? key;
    return text.replace(/\{(\w+)\}/g, (whole, name) => {
      const insert = inserts[name];
      if (insert === undefined) return whole;
      return `${ISOLATE}${typeof insert === "number" ? numberText(insert, language) : insert}${END}`;
    });
  };
}

/**
 * Write a number in the manner of a language, in Western digits.
 *
 * @param {number} value
 * @param {string} language
 * @param {number} [digits]
 */
export function numberText(value, language, digits = 0) {
  return numberFormat(language, digits).format(value === 0 ? 0 : value);
}

/** @type {Map<string, Intl.NumberFormat>} */
const formats = new Map(); // making one takes longer than using it a thousand times

/**
 * @param {string} language
 * @param {number} digits
 */
function numberFormat(language, digits) {
  const key = `${language}/${digits}`;
  let format = formats.get(key);
  if (format === undefined) {
    format = new Intl.NumberFormat(`${language}-u-nu-latn`, { maximumFractionDigits: digits });
    formats.set(key, format);
  }
  return format;
}

/**
 * Keep a text, such as a time or an id, from left to right whatever stands round it.
 *
 * @param {string} text
 */
export function leftToRight(text) {
  return `${LEFT_TO_RIGHT}${text}${END}`;
}

/**
 * Read the catalogue of a language.
 *
 * @param {string} language
 * @returns {Promise<Catalogue>}
 */
export async function loadCatalogue(language) {
  const answer = await fetch(new URL(`./locales/${language}.json`, import.meta.url));
  if (!answer.ok) throw new Error(`the texts of ${language} did not come: ${answer.status}`);
  return answer.json();
}
