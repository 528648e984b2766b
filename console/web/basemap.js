/** The ground of the map: roads, waters and places from the operator's own archive, drawn below the fences. */

import { currentLanguage } from "./words.js";

const SOURCE = "basemap";
/** What stays below fences, and below the names of fences and counties. */
const [BELOW_FENCES, BELOW_NAMES] = ["county-line", "county-name"];
const MAIN_ROADS = ["motorway", "trunk", "primary", "highway", "major_road"];
const WATER = "#a9cbe6";

/** @type {any} Layers of the schemas of Protomaps and of OpenMapTiles, by what they show. */
const KINDS = { water: ["water"], streams: ["waterway"], roads: ["roads", "transportation"], places: ["places", "place"] };
/** @type {any} */
const CLASS = ["coalesce", ["get", "kind"], ["get", "class"], ""];
/** @type {any} */
const IS_MAIN = ["in", CLASS, ["literal", MAIN_ROADS]];

/** The name in the language in use, else the local one. @returns {any} */
function nameExpression() {
  const own = currentLanguage() === "zh" ? ["name:zh-Hans", "name:zh"] : ["name:en", "name_en"];
  return ["coalesce", ...own.map((name) => ["get", name]), ["get", "name"], ""];
}

/** @param {string} what @param {string} layer @param {string[]} fonts @returns {any[]} */
function drawn(what, layer, fonts) {
  const own = { source: SOURCE, "source-layer": layer };
  const line = (/** @type {string} */ id, /** @type {object} */ paint, /** @type {object} */ rest = {}) =>
    ({ id: `basemap-${layer}-${id}`, type: "line", ...own, paint, ...rest });
  const halo = { "text-halo-color": "#ffffff", "text-halo-width": 1.4 };
  if (what === "water") {
    return [{ id: `basemap-${layer}-area`, type: "fill", ...own, filter: ["==", ["geometry-type"], "Polygon"],
      paint: { "fill-color": WATER } },
    line("line", { "line-color": WATER, "line-width": 1.6 }, { filter: ["==", ["geometry-type"], "LineString"] })];
  }
  if (what === "streams") return [line("line", { "line-color": WATER, "line-width": 1.4 })];
  if (what === "roads") {
    const names = { id: `basemap-${layer}-name`, type: "symbol", ...own, minzoom: 13, paint: { "text-color": "#6b5d3f", ...halo },
      layout: { "symbol-placement": "line", "text-field": nameExpression(), "text-size": 11, "text-font": fonts } };
    return [line("small", { "line-color": "#cfc8b8", "line-width": 1 }, { filter: ["!", IS_MAIN], minzoom: 11 }),
      line("main", { "line-color": "#d9a441", "line-width": 2 }, { filter: IS_MAIN }), names];
  }
  return [{ id: `basemap-${layer}-name`, type: "symbol", ...own, paint: { "text-color": "#2f3640", ...halo },
    layout: { "text-field": nameExpression(), "text-size": 12, "text-font": fonts, "text-max-width": 8 } }];
}

export class Basemap {
  /** @param {import("maplibre-gl").Map} map @param {string[]} fonts */
  constructor(map, fonts) {
    this.map = map;
    this.fonts = fonts;
    this.attribution = "";
  }

  /** Nothing is added where the operator has named no archive. @param {import("./api.js").Api} api */
  async add(api) {
    const told = await api.read("/v1/basemap");
    if (told === null) return;
    this.attribution = told.attribution;
    const tiles = `${location.origin}/v1/basemap/`;
    // The tiles bear the token as all else does.
    this.map.setTransformRequest((url) => (url.startsWith(tiles)
      ? { url, headers: { Authorization: `Bearer ${api.token}` } } : { url }));
    const { minzoom, maxzoom, bounds } = told;
    this.map.addSource(SOURCE, { type: "vector", tiles: [`${tiles}{z}/{x}/{y}`], minzoom, maxzoom, bounds });
    for (const [what, layers] of Object.entries(KINDS)) {
      for (const layer of layers.filter((/** @type {string} */ one) => told.layers.includes(one))) {
        for (const one of drawn(what, layer, this.fonts)) {
          this.map.addLayer(one, one.type === "symbol" ? BELOW_NAMES : BELOW_FENCES);
        }
      }
    }
  }

  /** The other language: names are written anew. */
  rewrite() {
    for (const { id, type } of this.map.getStyle()?.layers ?? []) {
      if (id.startsWith("basemap-") && type === "symbol") this.map.setLayoutProperty(id, "text-field", nameExpression());
    }
  }
}
