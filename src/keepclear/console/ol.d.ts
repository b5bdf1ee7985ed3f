// static/vendor/ol.js is a classic script that makes the global ol: both the namespace of values and of types.
import ol from "ol/dist/ol.js";

export = ol;
export as namespace ol;
