/** Small geometry for drawing: circles and corridors as rings, boxes around things. Nothing is decided by it. */

/** @typedef {[number, number, number, number]} Box west, south, east, north in degrees */

const METRES_PER_DEGREE = 111_195;

/** @param {number} lon @param {number} lat @param {number} radiusM @returns {[number, number][]} a closed ring */
export function circleRing(lon, lat, radiusM) {
  const corners = 72;
  const high = radiusM / METRES_PER_DEGREE;
  const wide = high / Math.max(0.01, Math.cos((lat * Math.PI) / 180));
  return Array.from({ length: corners + 1 }, (_, k) => {
    const angle = (2 * Math.PI * (k % corners)) / corners;
    return [lon + wide * Math.cos(angle), lat + high * Math.sin(angle)];
  });
}

/** @param {number} lon @param {number} lat @param {number} radiusM @returns {GeoJSON.Polygon} */
export function circle(lon, lat, radiusM) {
  return { type: "Polygon", coordinates: [circleRing(lon, lat, radiusM)] };
}

/**
 * A line with a width as one ring: along its left side, around its end, back along its right side. Inner corners may
 * overlap themselves a little, which a picture forgives.
 * @param {number[][]} line
 * @param {number} reachM
 * @returns {GeoJSON.Polygon}
 */
function corridor(line, reachM) {
  const high = reachM / METRES_PER_DEGREE;
  const shrink = Math.max(0.01, Math.cos((line[0][1] * Math.PI) / 180));
  const there = line.map(([lon, lat]) => [lon * shrink, lat]);
  const way = [...leftSide(there, high), ...leftSide(there.toReversed(), high)];
  const ring = way.map(([x, y]) => [x / shrink, y]);
  return { type: "Polygon", coordinates: [[...ring, ring[0]]] };
}

/** The left side of a plane line at a distance, with half a circle around its end. @param {number[][]} line @param {number} far */
function leftSide(line, far) {
  const headings = line.slice(1).map(([x, y], k) => Math.atan2(y - line[k][1], x - line[k][0]));
  /** @type {number[][]} */
  const side = [];
  headings.forEach((heading, k) => {
    const last = k === headings.length - 1;
    const turn = last ? -Math.PI : ((headings[k + 1] - heading + 3 * Math.PI) % (2 * Math.PI)) - Math.PI;
    const [x, y] = line[k + 1];
    if (k === 0) side.push(beside(line[0], heading, far));
    if (turn > 0) {
      // An inner corner: where both sides meet.
      side.push(beside([x, y], heading + turn / 2, far / Math.max(0.3, Math.cos(turn / 2))));
      return;
    }
    const steps = Math.max(1, Math.ceil(-turn / 0.2));
    for (let step = 0; step <= steps; step += 1) side.push(beside([x, y], heading + (turn * step) / steps, far));
  });
  return side;
}

/** A place to the left of a heading. @param {number[]} place @param {number} heading @param {number} far */
function beside([x, y], heading, far) {
  return [x - far * Math.sin(heading), y + far * Math.cos(heading)];
}

/** A fence as the ground it covers: the server sends circles as rings, and corridors as lines with their reach. @param {GeoJSON.Feature} fence */
export function asArea(fence) {
  const { geometry, properties } = fence;
  if (geometry.type === "LineString" && properties?.reach_m) {
    return { ...fence, geometry: corridor(geometry.coordinates, properties.reach_m) };
  }
  return fence;
}

/** The box of any nesting of coordinates; null where there are none. @param {any} coordinates @returns {Box | null} */
export function boxOf(coordinates) {
  /** @type {Box} */
  const box = [Infinity, Infinity, -Infinity, -Infinity];
  const visit = (/** @type {any} */ part) => {
    if (typeof part[0] === "number") {
      box[0] = Math.min(box[0], part[0]);
      box[1] = Math.min(box[1], part[1]);
      box[2] = Math.max(box[2], part[0]);
      box[3] = Math.max(box[3], part[1]);
    } else for (const inner of part) visit(inner);
  };
  visit(coordinates);
  return box[0] <= box[2] ? box : null;
}

/** @param {GeoJSON.Feature[]} features @returns {Box | null} */
export function boxOfFeatures(features) {
  return boxOf(features.map((feature) => /** @type {any} */ (asArea(feature).geometry).coordinates));
}

/** The diagonal of a box in metres, roughly. @param {Box} box */
export function diagonalM(box) {
  const wide = (box[2] - box[0]) * Math.cos((((box[1] + box[3]) / 2) * Math.PI) / 180);
  return Math.hypot(wide, box[3] - box[1]) * METRES_PER_DEGREE;
}

/** @param {{lon: number, lat: number}} at @param {object} properties @returns {GeoJSON.Feature} */
export function pointOf(at, properties) {
  return { type: "Feature", geometry: { type: "Point", coordinates: [at.lon, at.lat] }, properties };
}

/** @param {{lon: number, lat: number}[]} way at least two @param {object} properties @returns {GeoJSON.Feature} */
export function lineOf(way, properties) {
  return { type: "Feature", geometry: { type: "LineString", coordinates: way.map((at) => [at.lon, at.lat]) }, properties };
}
