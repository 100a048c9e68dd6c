// Draws many points with WebGL: one buffer each for positions and groups, written once. A frame is two draw calls.
const VERTEX = `
attribute vec2 place;
attribute float group;
uniform vec2 scale, centre;
uniform float size, chosen, lightness, front;
varying vec4 colour;

vec3 fromHue(float hue, float saturation, float light) {
  vec3 pure = clamp(abs(mod(hue * 6.0 + vec3(0.0, 4.0, 2.0), 6.0) - 3.0) - 1.0, 0.0, 1.0);
  return light + saturation * (pure - 0.5) * (1.0 - abs(2.0 * light - 1.0));
}

void main() {
  bool isChosen = chosen < 0.0 || abs(group - chosen) < 0.5;
  // Points of the chosen group are drawn last, on top of the others.
  bool isOfThisPass = (front > 0.5) == isChosen;
  gl_Position = isOfThisPass ? vec4((place - centre) * scale, 0.0, 1.0) : vec4(2.0, 2.0, 2.0, 1.0);
  gl_PointSize = isChosen && chosen >= 0.0 ? size * 1.35 : size;
  colour = isChosen ? vec4(fromHue(fract(group * 0.61803399), 0.62, lightness), 0.9) : vec4(vec3(0.5), 0.22);
}`;

const FRAGMENT = `
precision mediump float;
varying vec4 colour;

void main() {
  float away = length(gl_PointCoord - 0.5) * 2.0;
  float alpha = colour.a * (1.0 - smoothstep(0.75, 1.0, away));
  gl_FragColor = vec4(colour.rgb * alpha, alpha);
}`;

// The colour of a group in CSS, the same as on the canvas.
export function colourOf(group, dark) {
  const hue = (group * 0.61803399) % 1;
  return `hsl(${(hue * 360).toFixed(1)} 62% ${dark ? 66 : 42}%)`;
}

export class PointCanvas {
  // Throws if WebGL is not available.
  constructor(canvas) {
    this.canvas = canvas;
    this.gl = canvas.getContext("webgl", { antialias: false, depth: false });
    if (!this.gl) throw new Error("no WebGL");
    this.count = 0;
    this.prepare();
    canvas.addEventListener("webglcontextlost", (event) => event.preventDefault());
    canvas.addEventListener("webglcontextrestored", () => {
      this.prepare();
      if (this.points) this.load(this.points, this.groups);
      this.onRestored?.();
    });
  }

  prepare() {
    const { gl } = this;
    const program = gl.createProgram();
    for (const [type, source] of [
      [gl.VERTEX_SHADER, VERTEX],
      [gl.FRAGMENT_SHADER, FRAGMENT],
    ]) {
      const shader = gl.createShader(type);
      gl.shaderSource(shader, source);
      gl.compileShader(shader);
      gl.attachShader(program, shader);
    }
    gl.linkProgram(program);
    if (!gl.getProgramParameter(program, gl.LINK_STATUS) && !gl.isContextLost())
      throw new Error(gl.getProgramInfoLog(program));
    gl.useProgram(program);
    gl.enable(gl.BLEND);
    gl.blendFunc(gl.ONE, gl.ONE_MINUS_SRC_ALPHA);
    this.at = Object.fromEntries(
      ["scale", "centre", "size", "chosen", "lightness", "front"].map((name) => [
        name,
        gl.getUniformLocation(program, name),
      ]),
    );
    this.program = program;
  }

  // points: alternating x and y; groups: one number per point.
  load(points, groups) {
    this.points = points;
    this.groups = groups;
    this.count = groups.length;
    this.fill("place", points, 2);
    this.fill("group", Float32Array.from(groups), 1);
  }

  fill(name, values, size) {
    const { gl } = this;
    const at = gl.getAttribLocation(this.program, name);
    gl.bindBuffer(gl.ARRAY_BUFFER, gl.createBuffer());
    gl.bufferData(gl.ARRAY_BUFFER, values, gl.STATIC_DRAW);
    gl.enableVertexAttribArray(at);
    gl.vertexAttribPointer(at, size, gl.FLOAT, false, 0, 0);
  }

  // view: x, y of the centre and CSS pixels per unit; chosen: a group, or -1.
  draw(view, { size, chosen, dark }) {
    const { gl, canvas } = this;
    const ratio = devicePixelRatio || 1;
    const [width, height] = [Math.round(canvas.clientWidth * ratio), Math.round(canvas.clientHeight * ratio)];
    if (canvas.width !== width || canvas.height !== height) [canvas.width, canvas.height] = [width, height];
    gl.viewport(0, 0, width, height);
    gl.clearColor(0, 0, 0, 0);
    gl.clear(gl.COLOR_BUFFER_BIT);
    if (!this.count) return;
    gl.uniform2f(this.at.scale, (2 * view.zoom) / canvas.clientWidth, (2 * view.zoom) / canvas.clientHeight);
    gl.uniform2f(this.at.centre, view.x, view.y);
    gl.uniform1f(this.at.size, size * ratio);
    gl.uniform1f(this.at.chosen, chosen);
    gl.uniform1f(this.at.lightness, dark ? 0.66 : 0.42);
    for (const front of [0, 1]) {
      gl.uniform1f(this.at.front, front);
      gl.drawArrays(gl.POINTS, 0, this.count);
    }
  }
}
