/** People as points, drawn by one call of WebGL: a GeoJSON layer would be cut into tiles anew every second. */

/*
 * The look is a number of LOOKS in alerted.js: 0 a small ring for an old position, 1 a small disc as usual, then
 * large marks for people with alerts, in the shapes of severity.js: 2 to 5 hollow (all in hand) and 6 to 9 full
 * (somebody is to take one up), each from severity 4 to 1. Shape and filling say it without the colour.
 */
const VERTEX = `#version 300 es
uniform mat4 matrix;
uniform float scale;
in vec2 place;
in float look;
flat out int kind;
void main() {
  kind = int(look + 0.5);
  gl_Position = matrix * vec4(place, 0.0, 1.0);
  gl_PointSize = scale * (kind < 2 ? 10.0 : kind < 6 ? 17.0 : 19.0);
}`;

const FRAGMENT = `#version 300 es
precision mediump float;
flat in int kind;
out vec4 colour;
const vec3 SHADES[4] = vec3[4](vec3(0.70, 0.15, 0.12), vec3(0.88, 0.54, 0.0), vec3(0.0, 0.45, 0.70), vec3(0.42, 0.45, 0.50));
float octagon(vec2 at) { return max(max(at.x, at.y), (at.x + at.y) * 0.7071); }
void main() {
  vec2 at = abs(gl_PointCoord * 2.0 - 1.0);
  bool alerted = kind > 1, held = alerted && kind < 6;
  int severity = kind < 6 ? 6 - kind : 10 - kind;
  float far = !alerted || severity == 4 ? length(at)
    : severity == 1 ? octagon(at) : severity == 2 ? at.x + at.y : max(at.x, at.y) * 1.12;
  float edge = fwidth(far);
  float cover = 1.0 - smoothstep(1.0 - edge, 1.0, far);
  vec3 shade = alerted ? SHADES[severity - 1] : kind == 0 ? vec3(0.42, 0.45, 0.50) : vec3(0.05, 0.42, 0.68);
  bool hollow = held || kind == 0;
  vec3 inner = hollow ? vec3(1.0) : shade;
  vec3 rim = hollow ? shade : vec3(1.0);
  float width = held ? 0.60 : alerted ? 0.80 : 0.66;
  colour = vec4(mix(inner, rim, smoothstep(width - edge, width + edge, far)), 1.0) * cover;
}`;

/** @param {number} lon @param {number} lat @returns {[number, number]} web mercator, 0..1 */
export function mercator(lon, lat) {
  const y = Math.log(Math.tan(Math.PI / 4 + (lat * Math.PI) / 360));
  return [(lon + 180) / 360, (1 - y / Math.PI) / 2];
}

/** @param {WebGL2RenderingContext} gl @param {number} kind @param {string} source */
function shader(gl, kind, source) {
  const made = gl.createShader(kind);
  if (made === null) throw new Error("no shader");
  gl.shaderSource(made, source);
  gl.compileShader(made);
  if (!gl.getShaderParameter(made, gl.COMPILE_STATUS)) throw new Error(gl.getShaderInfoLog(made) ?? "shader");
  return made;
}

/** A custom layer of MapLibre. */
export class PointLayer {
  constructor() {
    this.id = "people";
    this.type = /** @type {const} */ ("custom");
    this.count = 0;
    /** Where 32-bit coordinates begin: whole-world ones would be 2 m coarse. */
    this.origin = [0, 0];
    /** @type {Float32Array} x, y, look of each point */
    this.values = new Float32Array(0);
    this.fresh = false;
  }

  /**
   * Nothing is drawn where nothing has changed.
   * @param {{lon: number, lat: number}[]} places
   * @param {(index: number) => number} look
   */
  show(places, look) {
    const values = new Float32Array(3 * places.length);
    const origin = places.length ? mercator(places[0].lon, places[0].lat) : [0, 0];
    places.forEach((place, k) => {
      const [x, y] = mercator(place.lon, place.lat);
      values.set([x - origin[0], y - origin[1], look(k)], 3 * k);
    });
    if (same(origin, this.origin) && same(values, this.values)) return;
    Object.assign(this, { count: places.length, origin, values, fresh: true });
    this.map?.triggerRepaint();
  }

  /** @param {import("maplibre-gl").Map} map @param {WebGL2RenderingContext} gl */
  onAdd(map, gl) {
    this.map = map;
    const program = gl.createProgram();
    gl.attachShader(program, shader(gl, gl.VERTEX_SHADER, VERTEX));
    gl.attachShader(program, shader(gl, gl.FRAGMENT_SHADER, FRAGMENT));
    gl.linkProgram(program);
    if (!gl.getProgramParameter(program, gl.LINK_STATUS)) throw new Error(gl.getProgramInfoLog(program) ?? "link");
    const array = gl.createVertexArray();
    const buffer = gl.createBuffer();
    gl.bindVertexArray(array);
    gl.bindBuffer(gl.ARRAY_BUFFER, buffer);
    for (const [name, size, offset] of /** @type {[string, number, number][]} */ ([["place", 2, 0], ["look", 1, 8]])) {
      const where = gl.getAttribLocation(program, name);
      gl.enableVertexAttribArray(where);
      gl.vertexAttribPointer(where, size, gl.FLOAT, false, 12, offset);
    }
    gl.bindVertexArray(null);
    this.drawing = { program, array, buffer, matrix: gl.getUniformLocation(program, "matrix"),
      scale: gl.getUniformLocation(program, "scale") };
    this.fresh = true;
  }

  /** @param {WebGL2RenderingContext} gl @param {any} view */
  render(gl, view) {
    if (this.drawing === undefined || this.count === 0) return;
    const { program, array, buffer, matrix, scale } = this.drawing;
    gl.useProgram(program);
    gl.bindVertexArray(array);
    if (this.fresh) {
      gl.bindBuffer(gl.ARRAY_BUFFER, buffer);
      gl.bufferData(gl.ARRAY_BUFFER, this.values, gl.DYNAMIC_DRAW);
      this.fresh = false;
    }
    gl.uniformMatrix4fv(matrix, false, fromOrigin(view.defaultProjectionData.mainMatrix, this.origin));
    gl.uniform1f(scale, devicePixelRatio);
    gl.enable(gl.BLEND);
    gl.blendFunc(gl.ONE, gl.ONE_MINUS_SRC_ALPHA);
    gl.disable(gl.DEPTH_TEST);
    gl.drawArrays(gl.POINTS, 0, this.count);
    gl.bindVertexArray(null);
  }
}

/** @param {ArrayLike<number>} one @param {ArrayLike<number>} other */
function same(one, other) {
  return one.length === other.length && Array.prototype.every.call(one, (value, k) => value === other[k]);
}

/** The matrix for coordinates counted from an origin, worked out in 64 bits. @param {ArrayLike<number>} matrix @param {number[]} origin */
function fromOrigin(matrix, origin) {
  const moved = Float64Array.from(matrix);
  for (let row = 0; row < 4; row += 1) {
    moved[12 + row] = matrix[row] * origin[0] + matrix[4 + row] * origin[1] + matrix[12 + row];
  }
  return Float32Array.from(moved);
}
