/** Severity by shape and colour together, so that neither is needed: octagon, diamond, square, ring. */

import { word } from "./words.js";

const SVG = "http://www.w3.org/2000/svg";

/** By severity, in a square of 20. */
export const SHAPES = {
  1: "M5.500 1h9l4.500 4.500v9l-4.500 4.500h-9L1 14.500v-9z",
  2: "M10 0l10 10-10 10L0 10z",
  3: "M2.500 2.500h15v15h-15z",
  4: "M10 2.500a7.500 7.500 0 1 0 .01 0z",
};

/** From Okabe and Ito's palette, told apart by all common kinds of colour blindness. */
export const COLOURS = { 1: "#b3261e", 2: "#e08a00", 3: "#0072b2", 4: "#6b7280" };

/** @param {number} severity @returns {Element} */
export function severityMark(severity) {
  const level = /** @type {1 | 2 | 3 | 4} */ (Math.min(4, Math.max(1, severity)));
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", "0 0 20 20");
  svg.setAttribute("class", `severity s${level}`);
  svg.setAttribute("role", "img");
  svg.setAttribute("aria-label", word(`severity_${level}`));
  const path = document.createElementNS(SVG, "path");
  path.setAttribute("d", SHAPES[level]);
  const figure = document.createElementNS(SVG, "text");
  figure.setAttribute("x", "10");
  figure.setAttribute("y", "14.200");
  figure.textContent = String(level);
  svg.append(path, figure);
  return svg;
}
