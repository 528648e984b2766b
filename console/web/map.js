/** The map: county lines, fences and people from our own server; no tiles, no glyphs, nothing from elsewhere. */

import * as maplibre from "maplibre-gl";
import { Basemap } from "./basemap.js";
import { LOOKS } from "./alerted.js";
import { asArea, boxOfFeatures, circle, diagonalM } from "./geometry.js";
import { PointLayer } from "./point_layer.js";
import { trackMarks } from "./track.js";

/** @typedef {import("./records.js").AlertItem} AlertItem */
/** @typedef {import("./records.js").Position} Position */
/** @typedef {import("./geometry.js").Box} Box */

const NOTHING = /** @type {GeoJSON.FeatureCollection} */ ({ type: "FeatureCollection", features: [] });
const GROUND = ["counties", "fences", "names", "chosen", "leaves", "evidence", "track", "followed"];
const FONTS = ["WenQuanYi Micro Hei", "Noto Sans CJK SC", "Microsoft YaHei", "PingFang SC", "sans-serif"];
/** A fence many times larger than what happened is shown only in part. */
const WHOLE_FENCE_TIMES = 8;

/** @type {any} */
const KEEP_OUT = ["==", ["get", "rule"], "keep_out"];

/** @param {string} id @param {string} source @param {string} type @param {object} paint @param {object} [rest] @returns {any} */
function layer(id, source, type, paint, rest = {}) {
  return { id, source, type, paint, ...rest };
}

/** @param {any} text @param {number} size */
function label(text, size) {
  return { "text-field": text, "text-size": size, "text-font": FONTS, "text-max-width": 9 };
}

/** @returns {any} */
function style() {
  const halo = { "text-halo-color": "#ffffff", "text-halo-width": 1.6 };
  const shade = ["case", KEEP_OUT, "#b3261e", "#0b6e4f"];
  return {
    version: 8,
    sources: Object.fromEntries(GROUND.map((name) => [name, { type: "geojson", data: NOTHING }])),
    layers: [
      { id: "ground", type: "background", paint: { "background-color": "#eef1f0" } },
      layer("county-area", "counties", "fill", { "fill-color": "#fbfaf6" }),
      layer("county-line", "counties", "line", { "line-color": "#8a8f98", "line-width": 1.2 }),
      layer("fence-area", "fences", "fill", { "fill-color": shade, "fill-opacity": ["case", KEEP_OUT, 0.14, 0.04] }),
      layer("fence-in", "fences", "line", { "line-color": shade, "line-width": 1.4, "line-opacity": 0.75 },
        { filter: ["!", KEEP_OUT] }),
      layer("fence-out", "fences", "line", { "line-color": shade, "line-width": 1.6, "line-dasharray": [3, 2] },
        { filter: KEEP_OUT }),
      layer("chosen-area", "chosen", "fill", { "fill-color": shade, "fill-opacity": 0.16 }),
      layer("chosen-line", "chosen", "line", { "line-color": shade, "line-width": 3.5 }),
      layer("leave-area", "leaves", "fill", { "fill-color": "#0b5cad", "fill-opacity": 0.12 }),
      layer("leave-line", "leaves", "line", { "line-color": "#0b5cad", "line-width": 2, "line-dasharray": [2, 1.5] }),
      layer("county-name", "names", "symbol", { "text-color": "#565c66", ...halo },
        { layout: { ...label(["get", "name"], 14), "text-letter-spacing": 0.15 }, filter: ["==", ["get", "of"], "county"] }),
      layer("fence-name", "names", "symbol", { "text-color": shade, ...halo },
        { layout: label(["get", "name"], 12), minzoom: 11, filter: ["==", ["get", "of"], "fence"] }),
      layer("accuracy", "evidence", "fill", { "fill-color": "#e08a00", "fill-opacity": 0.15 },
        { filter: ["==", ["get", "part"], "accuracy"] }),
      layer("accuracy-edge", "evidence", "line", { "line-color": "#b36b00", "line-width": 1.2, "line-dasharray": [2, 2] },
        { filter: ["==", ["get", "part"], "accuracy"] }),
      layer("way", "evidence", "line", { "line-color": "#20242b", "line-width": 2 },
        { filter: ["==", ["get", "part"], "way"] }),
      layer("fixes", "evidence", "circle", { "circle-radius": ["case", ["get", "last"], 8, 5], "circle-color":
        ["case", ["get", "last"], "#d63d1a", "#ffffff"], "circle-stroke-color": "#20242b", "circle-stroke-width": 2 },
        { filter: ["==", ["get", "part"], "fix"] }),
      layer("track-line", "track", "line", { "line-color": "#6a3fb5", "line-width": 3, "line-opacity": 0.8 },
        { filter: ["==", ["get", "part"], "line"] }),
      layer("track-end", "track", "circle", { "circle-radius": 4, "circle-color": "#ffffff", "circle-stroke-color": "#6a3fb5",
        "circle-stroke-width": 2 }, { filter: ["==", ["get", "part"], "end"] }),
      layer("track-now", "track", "circle", { "circle-radius": 9, "circle-color": "#6a3fb5", "circle-stroke-color": "#ffffff",
        "circle-stroke-width": 3 }, { filter: ["==", ["get", "part"], "now"] }),
      layer("followed", "followed", "circle", { "circle-radius": 13, "circle-color": "#00000000",
        "circle-stroke-color": "#0b5cad", "circle-stroke-width": 3 }),
      layer("followed-name", "followed", "symbol", { "text-color": "#0b5cad", ...halo },
        { layout: { ...label(["get", "name"], 13), "text-anchor": "top", "text-offset": [0, 1.2] } }),
      layer("fix-number", "evidence", "symbol", { "text-color": "#20242b", ...halo },
        { layout: { ...label(["get", "number"], 12), "text-offset": [0.9, -0.9] }, filter: ["==", ["get", "part"], "fix"] }),
    ],
  };
}

export class PlaceMap {
  /** @param {HTMLElement} box @param {(position: Position) => void} onPerson */
  constructor(box, onPerson) {
    this.onPerson = onPerson;
    /** Who waits for a place to be clicked. @type {((place: {lon: number, lat: number}) => void) | null} */
    this.onPlace = null;
    /** @type {Position[]} */
    this.positions = [];
    this.points = new PointLayer();
    /** @type {Map<string, string>} what each source holds: the map draws anew whatever it is given */
    this.held = new Map();
    this.map = new maplibre.Map({
      container: box, style: style(), center: [105, 35], zoom: 3, maxZoom: 18, minZoom: 2, attributionControl: false,
      dragRotate: false, pitchWithRotate: false, touchPitch: false, renderWorldCopies: false, maplibreLogo: false,
      fadeDuration: 0, canvasContextAttributes: { antialias: true },
    });
    this.map.touchZoomRotate.disableRotation();
    this.ready = new Promise((resolve) => this.map.once("load", resolve));
    this.ready.then(() => this.map.addLayer(/** @type {any} */ (this.points)));
    this.map.addControl(new maplibre.ScaleControl({ unit: "metric", maxWidth: 120 }), "bottom-left");
    this.basemap = new Basemap(this.map, FONTS);
    this.map.on("click", (event) => {
      if (this.onPlace !== null) this.onPlace({ lon: event.lngLat.lng, lat: event.lngLat.lat });
      else this.pick(event.point);
    });
    this.map.on("mousemove", (event) => {
      const usual = this.nearest(event.point) === null ? "" : "pointer";
      this.map.getCanvas().style.cursor = this.onPlace === null ? usual : "crosshair";
    });
  }

  /** @param {string} source @param {GeoJSON.Feature[]} features */
  async put(source, features) {
    await this.ready;
    const text = JSON.stringify(features);
    if (this.held.get(source) === text) return;
    this.held.set(source, text);
    const found = /** @type {import("maplibre-gl").GeoJSONSource} */ (this.map.getSource(source));
    found.setData({ type: "FeatureCollection", features });
  }

  /**
   * The ground as it is at a time; the first time also the view that shows all of it.
   * @param {import("./records.js").SiteView} site @param {number} at_ms @param {boolean} isFirst
   */
  async showSite(site, at_ms, isFirst) {
    const fences = site.fencesAt(at_ms).map(asArea).map(withOwner);
    const shared = fences.filter((fence) => fence.properties?.owner === "");
    await this.put("counties", site.counties.features);
    await this.put("fences", fences);
    await this.put("names", [...names(site.counties.features, "county"), ...names(shared, "fence")]);
    this.home = boxOfFeatures(fences) ?? boxOfFeatures(site.counties.features);
    if (isFirst && this.home !== null) this.show(this.home, false);
  }

  /** @param {Position[]} positions @param {import("./alerted.js").Look[]} looks how each is drawn */
  showPeople(positions, looks) {
    const looked = positions.map((position, k) => ({ position, look: LOOKS.indexOf(looks[k]) }));
    looked.sort((a, b) => a.look - b.look); // what must not be covered comes last
    this.positions = looked.map((entry) => entry.position);
    this.points.show(this.positions, (k) => looked[k].look);
    if (this.home === null && positions.length > 0) {
      this.home = boxOfFeatures(positions.map((at) => point(at.lon, at.lat, {})));
      if (this.home !== null) this.show(this.home, false);
    }
  }

  /**
   * Where an alert happened: its fence, its fixes in order, how unsure the last one is.
   * @param {AlertItem} alert
   * @param {GeoJSON.Feature[]} fences
   * @param {Position | null} lastKnown for an alert that has no place of its own
   * @param {boolean} fly
   */
  async showAlert(alert, fences, lastKnown, fly) {
    const areas = fences.map(asArea);
    const marks = evidenceMarks(alert, lastKnown);
    await Promise.all([this.put("chosen", areas), this.put("evidence", marks)]);
    this.showFencesOf(alert.person_id);
    if (!fly) return;
    const box = boxToShow(alert, areas, marks);
    if (box !== null) this.show(box, true);
  }

  async showNoAlert() {
    await Promise.all([this.put("chosen", []), this.put("evidence", []), this.follow(null)]);
    this.showFencesOf(null);
  }

  /** Leave out the personal fences of everybody else; null: leave out none. @param {string | null} personId */
  showFencesOf(personId) {
    /** @type {any} */
    const concerns = personId === null ? true : ["in", ["get", "owner"], ["literal", ["", personId]]];
    this.map.setFilter("fence-area", concerns === true ? null : concerns);
    this.map.setFilter("fence-in", ["all", ["!", KEEP_OUT], concerns]);
    this.map.setFilter("fence-out", ["all", KEEP_OUT, concerns]);
  }

  /** A ring around where somebody is now. @param {Position | null} position */
  async follow(position) {
    await this.put("followed", position === null ? [] : [point(position.lon, position.lat, { name: position.who })]);
  }

  /** Circles that somebody may be in while on leave. @param {{lon: number, lat: number, radius_m: number}[]} circles */
  async showLeaves(circles) {
    await this.put("leaves", circles.map(({ lon, lat, radius_m }) => (
      { type: "Feature", geometry: circle(lon, lat, radius_m), properties: {} })));
  }

  /** The view shows all of a circle, and moves only where it does not. @param {{lon: number, lat: number, radius_m: number}} around */
  showWhole({ lon, lat, radius_m }) {
    const box = boxOfFeatures([{ type: "Feature", geometry: circle(lon, lat, radius_m), properties: {} }]);
    const seen = this.map.getBounds();
    if (box === null || (seen.contains([box[0], box[1]]) && seen.contains([box[2], box[3]]))) return;
    this.show(box, true);
  }

  /** Where somebody was over a period; nothing is drawn across a gap. @param {import("./track.js").TrackFix[][]} parts @param {import("./track.js").TrackFix | null} now @param {boolean} fly */
  async showTrack(parts, now, fly) {
    const marks = trackMarks(parts, now);
    await this.put("track", marks);
    const box = boxOfFeatures(marks);
    if (fly && box !== null) this.show(box, true);
  }

  /** @param {Position} position */
  goTo(position) {
    this.map.easeTo({ center: [position.lon, position.lat], zoom: Math.max(14, this.map.getZoom()), duration: 400 });
  }

  goHome() {
    if (this.home) this.show(this.home, true);
  }

  /** @param {number} steps */
  zoomBy(steps) {
    this.map.zoomTo(this.map.getZoom() + steps, { duration: 200 });
  }

  /** @param {Box} box @param {boolean} animate */
  show([west, south, east, north], animate) {
    const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
    this.map.fitBounds([[west, south], [east, north]], {
      padding: 48, maxZoom: 16, duration: animate && !calm ? 900 : 0,
    });
  }

  /** @param {{x: number, y: number}} at */
  pick(at) {
    const found = this.nearest(at);
    if (found !== null) this.onPerson(found);
  }

  /** The person drawn nearest to a place on the screen, within a finger's width. @param {{x: number, y: number}} at */
  nearest(at) {
    let [best, bestFar] = [/** @type {Position | null} */ (null), 12];
    const corner = this.map.unproject([at.x - bestFar, at.y - bestFar]);
    const other = this.map.unproject([at.x + bestFar, at.y + bestFar]);
    for (const position of this.positions) {
      if (position.lon < corner.lng || position.lon > other.lng) continue;
      if (position.lat > corner.lat || position.lat < other.lat) continue;
      const on = this.map.project([position.lon, position.lat]);
      const far = Math.hypot(on.x - at.x, on.y - at.y);
      if (far <= bestFar) [best, bestFar] = [position, far];
    }
    return best;
  }
}

/** @param {number} lon @param {number} lat @param {object} properties @returns {GeoJSON.Feature} */
function point(lon, lat, properties) {
  return { type: "Feature", geometry: { type: "Point", coordinates: [lon, lat] }, properties };
}

/** A fence with the person whose own it is; nobody's where it is for several. @param {GeoJSON.Feature} fence @returns {GeoJSON.Feature} */
function withOwner(fence) {
  /** @type {string[]} */
  const selectors = fence.properties?.applies_to ?? [];
  const own = selectors.length === 1 && selectors[0].startsWith("person:");
  return { ...fence, properties: { ...fence.properties, owner: own ? selectors[0].slice("person:".length) : "" } };
}

/** One name in the middle of each area: on the areas themselves it would come once a tile. @param {GeoJSON.Feature[]} areas @param {string} of */
function names(areas, of) {
  return areas.flatMap((area) => {
    const box = boxOfFeatures([area]);
    return box === null ? [] : [point((box[0] + box[2]) / 2, (box[1] + box[3]) / 2, { ...area.properties, of })];
  });
}

/** @param {AlertItem} alert @param {Position | null} lastKnown @returns {GeoJSON.Feature[]} */
function evidenceMarks(alert, lastKnown) {
  const fixes = alert.evidence.length > 0 || lastKnown === null ? alert.evidence : [lastKnown];
  const last = fixes.at(-1);
  if (last === undefined) return [];
  const way = { type: /** @type {const} */ ("LineString"), coordinates: fixes.map((fix) => [fix.lon, fix.lat]) };
  return [
    { type: "Feature", geometry: circle(last.lon, last.lat, last.accuracy_m ?? 50), properties: { part: "accuracy" } },
    ...(fixes.length > 1 ? [/** @type {GeoJSON.Feature} */ ({ type: "Feature", geometry: way, properties: { part: "way" } })] : []),
    ...fixes.map((fix, k) => point(fix.lon, fix.lat, {
      part: "fix", last: fix === last, number: fixes.length > 1 ? String(k + 1) : "" })),
  ];
}

/**
 * What happened, with enough around it that the fence's edge can be seen.
 * @param {AlertItem} alert
 * @param {GeoJSON.Feature[]} fences
 * @param {GeoJSON.Feature[]} marks
 */
function boxToShow(alert, fences, marks) {
  const seen = [...marks];
  const last = marks.at(-1)?.geometry;
  if (last?.type === "Point") {
    const reach = Math.max(400, 1.3 * Math.abs(alert.distance_m ?? 0));
    seen.push({ type: "Feature", geometry: circle(last.coordinates[0], last.coordinates[1], reach), properties: {} });
  }
  const near = boxOfFeatures(seen);
  const whole = boxOfFeatures([...seen, ...fences]);
  if (near === null || whole === null) return whole;
  return diagonalM(whole) <= WHOLE_FENCE_TIMES * diagonalM(near) ? whole : near;
}
