/** What a person chose for this browser: theme, language, units, layers. No secret is ever kept here. */

/** @typedef {import("./types.js").Preferences} Preferences */

const KEY = "keepclear.preferences";

/** The languages of the catalogues in locales/, each by its own name. */
export const LANGUAGES = /** @type {const} */ ([["en", "English"], ["ru", "Русский"], ["ar", "العربية"]]);

export const THEMES = /** @type {const} */ (["light", "dark", "night"]);

/** @returns {Preferences} */
export function loadPreferences() {
  const prefersDark = globalThis.matchMedia("(prefers-color-scheme: dark)").matches;
  const wanted = navigator.languages.map((language) => language.slice(0, 2));
  /** @type {Preferences} */
  const preferences = {
    theme: prefersDark ? "dark" : "light",
    language: wanted.find((language) => LANGUAGES.some(([code]) => code === language)) ?? "en",
    unit: "m",
    showsOtherTimes: true,
    showsTracks: true,
  };
  return { ...preferences, ...kept() };
}

/** @returns {Partial<Preferences>} */
function kept() {
  try {
    const value = JSON.parse(localStorage.getItem(KEY) ?? "{}");
    if (!THEMES.includes(value.theme)) delete value.theme;
    if (!LANGUAGES.some(([code]) => code === value.language)) delete value.language;
    if (value.unit !== "ft") delete value.unit;
    return value;
  } catch {
    return {}; // storage may be off, or hold what an older console wrote
  }
}

/** @param {Preferences} preferences */
export function keepPreferences(preferences) {
  try {
    localStorage.setItem(KEY, JSON.stringify(preferences));
  } catch {
    // without storage the choice lasts as long as the page
  }
}

/**
 * Put theme, language and direction on the page.
 *
 * @param {Preferences} preferences
 */
export function showPreferences({ theme, language }) {
  const root = document.documentElement;
  root.dataset.theme = theme;
  root.lang = language;
  root.dir = isRightToLeft(language) ? "rtl" : "ltr";
}

/** @param {string} language */
export function isRightToLeft(language) {
  return language === "ar";
}
