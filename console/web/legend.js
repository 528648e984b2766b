/** What the marks on the map mean, and how many people are drawn as each. */

import { LOOKS } from "./alerted.js";
import { find, make } from "./dom.js";
import { SHAPES } from "./severity.js";
import { word } from "./words.js";

const SVG = "http://www.w3.org/2000/svg";
const SEVERITIES = /** @type {const} */ ([1, 2, 3, 4]);

/** The mark of somebody with alerts: full while one waits, hollow when all are in hand. @param {1 | 2 | 3 | 4} severity @param {boolean} isHeld */
function personMark(severity, isHeld) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", "-2 -2 24 24");
  svg.setAttribute("class", `person-mark s${severity} ${isHeld ? "held" : ""}`);
  svg.setAttribute("aria-hidden", "true");
  const path = document.createElementNS(SVG, "path");
  path.setAttribute("d", SHAPES[severity]);
  svg.append(path);
  return svg;
}

/** @param {string} look */
function count(look) {
  return make("b", { data: { look } });
}

/**
 * @param {{onZoom: (steps: number) => void, onHome: () => void, hasCounties: boolean, attribution: string}} options
 */
export function drawLegend({ onZoom, onHome, hasCounties, attribution }) {
  const ground = ["keep_in", "keep_out", "leave", ...(hasCounties ? ["county"] : [])];
  find("legend").replaceChildren(
    make("div", { className: "map-buttons" },
      ...[["+", 1], ["−", -1]].map(([sign, step]) => make("button", { type: "button", "aria-label": `${word("map")} ${sign}`,
        onclick: () => onZoom(Number(step)) }, String(sign))),
      make("button", { type: "button", "aria-label": word("map"), onclick: onHome }, "⌂")),
    make("p", { id: "people-shown" }),
    make("p", { id: "people-missing", className: "wrong", hidden: true }),
    make("div", { className: "keys-of-map" },
      make("table", { className: "people-key" },
        make("thead", {}, make("tr", {}, make("th", { scope: "col" }, word("legend_alerts")),
          ...["waiting", "held"].map((how) => make("th", { scope: "col" }, word(`legend_${how}`))))),
        make("tbody", {}, ...SEVERITIES.map((severity) => make("tr", {},
          make("th", { scope: "row" }, `${severity} ${word(`severity_${severity}`)}`),
          ...["waiting", "held"].map((how) => make("td", {},
            /** @type {any} */ (personMark(severity, how === "held")), count(`${how}_${severity}`))))))),
      make("ul", {},
        ...["usual", "quiet"].map((name) => make("li", {}, make("i", { className: `mark ${name}` }), word(`legend_${name}`), count(name))),
        ...ground.map((name) => make("li", {}, make("i", { className: `mark ${name}` }), word(`legend_${name}`))))),
    attribution && make("p", { className: "attribution" }, attribution));
}

/** @param {Map<string, import("./alerted.js").Look>} looks how each person on the map is drawn @param {number} missing people with alerts and no position */
export function countPeople(looks, missing) {
  const shown = document.getElementById("people-shown");
  if (shown === null) return; // the map has not begun
  shown.textContent = word("people_shown", { n: looks.size });
  const counts = Object.fromEntries(LOOKS.map((look) => [look, 0]));
  for (const look of looks.values()) counts[look] += 1;
  for (const cell of find("legend").querySelectorAll("b[data-look]")) {
    cell.textContent = String(counts[/** @type {HTMLElement} */ (cell).dataset.look ?? ""]);
  }
  const told = find("people-missing");
  told.textContent = missing > 0 ? word(missing === 1 ? "person_missing" : "people_missing", { n: missing }) : "";
  told.hidden = missing === 0;
}
