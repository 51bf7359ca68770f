// Checks of a panel's plot against the JSON of the page. Positions on the canvas are computed here once more.
import { RATIO } from "./browser.mjs";

// Bands of more lines are not drawn.
const MOST_BANDS = 6;
const WRONG = /\b(NaN|undefined|null|Infinity)\b|\[object/;
// Negative numbers have a minus sign.
const HYPHEN = /(^|e|± )-[0-9]/;
const isWrong = (text) => WRONG.test(text) || HYPHEN.test(text);

export class Wrong extends Error {}

export const demand = (holds, text) => {
  if (!holds) throw new Wrong(text);
};

export const shown = (value) => JSON.stringify(value);

export const equal = (found, expected, what) =>
  demand(shown(found) === shown(expected), `${what}: ${shown(found)}, not ${shown(expected)}`);

// Both lists of drawn things have the same entries, in any order.
const same = (found, expected, what) => {
  const sorted = (list) => list.map(shown).sort();
  const [one, other] = [sorted(found), sorted(expected)];
  const only = (list, others) => list.find((entry) => !others.includes(entry));
  const counts = `${found.length} drawn, ${expected.length} expected`;
  const differences = `not expected: ${only(one, other)}; not drawn: ${only(other, one)}`;
  demand(shown(one) === shown(other), `${what}: ${counts}; ${differences}`);
};

// Tenths of pixels, rounded at limits at which no position is.
const pixels = (value) => Math.round(value * 10 + 0.137) / 10;

// The share of an axis at which a value is.
const share = (forward, { min, max }, value) => (forward(value) - forward(min)) / (forward(max) - forward(min));

// A panel of the page's JSON, with its plot.
export class Panel {
  constructor(panel, { made, options, data, into }, browser) {
    Object.assign(this, { panel, made, options, data, into, browser });
    this.mode = Number(browser.dark);
  }

  colour(line) {
    return line.colour[this.mode];
  }

  lines() {
    return this.panel.series.filter((_, place) => this.made.series[place + 1].show);
  }

  x(value) {
    const { left, width } = this.made.bbox;
    return left + width * share(this.panel.wide ? Math.log10 : (of) => of, this.made.scales.x, value);
  }

  y(value) {
    const { top, height } = this.made.bbox;
    const { min } = this.made.scales.y;
    const forward = {
      linear: (of) => of,
      logarithmic: (of) => Math.log10(Math.max(of, min)),
      error: (accuracy) => -Math.log10(Math.max(100 - accuracy, 0.1)),
    }[this.panel.scale];
    // A value beyond the axis is at its end.
    return top + height * (1 - Math.min(Math.max(share(forward, this.made.scales.y, value), 0), 1));
  }

  // The low and the high end of the band of a line.
  band(line, at) {
    const spread = line.spread?.[at] ?? 0;
    const [low, high] = this.panel.limits;
    return [Math.max(line.y[at] - spread, low ?? -Infinity), Math.min(line.y[at] + spread, high ?? Infinity)];
  }

  // The places of a line's points.
  points(line) {
    return line.y.flatMap((value, at) => (value == null ? [] : [at]));
  }

  // Whether a place is between the ends of the horizontal axis.
  inside(at) {
    const { min, max } = this.made.scales.x;
    return this.panel.places[at] >= min && this.panel.places[at] <= max;
  }

  // How far the markers of a line are to the right of their name.
  shift(line) {
    const lines = this.lines();
    if (!this.panel.names) return 0;
    return ((lines.indexOf(line) - (lines.length - 1) / 2) * (this.x(1) - this.x(0)) * 0.7) / lines.length;
  }

  // The plot has the lines of the JSON, in their colours.
  checkLines() {
    const { panel, options, data } = this;
    const [first, ...lines] = options.series;
    equal(first.label, panel.x, "the label of the horizontal axis in the legend");
    equal(lines.map((line) => line.label), panel.series.map((line) => line.label), "labels");
    equal(lines.map((line) => line.stroke), panel.series.map((line) => this.colour(line)), "colours");
    const dashes = panel.series.map((line) => (line.dash.length ? line.dash.map((of) => of * RATIO) : null));
    equal(lines.map((line) => line.dash ?? null), dashes, "dashes");
    demand(lines.every((line) => line.spanGaps), "lines have gaps where points are missing");
    equal(data, [panel.places, ...panel.series.map((line) => line.y)], "data");
    const rows = this.legend();
    const names = [panel.x, ...panel.series.map((line) => line.label)];
    equal(rows.map((row) => row.querySelector("th").textContent), names, "legend");
    rows.slice(1).forEach((row, place) => {
      const line = panel.series[place];
      const { drawn } = row.querySelector(".swatch").getContext("2d");
      const styles = drawn.map(({ kind, strokeStyle, fillStyle }) => (kind === "stroke" ? strokeStyle : fillStyle));
      const expected = [...(line.joined ? [this.colour(line)] : []), ...(line.marked ? [this.colour(line)] : [])];
      equal(styles, expected, `the swatch of ${line.label}`);
      checkNumbers(drawn);
    });
  }

  legend() {
    return this.made.root.querySelectorAll(".u-legend .u-series");
  }

  // The vertical axis holds every shown point and band between the ends of the horizontal axis, and not much more.
  checkRange() {
    const { scale, limits } = this.panel;
    const { min, max } = this.made.scales.y;
    const range = `the vertical axis goes from ${min} to ${max}`;
    demand(Number.isFinite(min) && Number.isFinite(max) && min < max, range);
    let [low, high] = [Infinity, -Infinity];
    for (const line of this.lines()) {
      for (const at of this.points(line).filter((at) => this.inside(at))) {
        const [below, above] = this.band(line, at);
        const logarithmic = scale === "logarithmic";
        low = Math.min(low, logarithmic && below <= 0 ? line.y[at] : below);
        high = Math.max(high, above);
      }
    }
    if (low > high) return;
    // The ends of the axes: the smallest error and the smallest loss.
    if (scale === "error") [low, high] = [Math.min(low, 99.9), Math.min(high, 99.9)];
    if (scale === "logarithmic") [low, high] = [Math.max(low, 1e-6), Math.max(high, 1e-6)];
    const least = 1e-9 * Math.max(Math.abs(low), Math.abs(high));
    demand(min <= low + least && max >= high - least, `${range}, the shown points from ${low} to ${high}`);
    const most = {
      linear: () => max - min <= 1.11 * (high - low) + (high - low > least ? least : 1),
      logarithmic: () => max / min <= 1.22 * Math.max(high / low, 2),
      error: () => 100 - min <= 1.03 * Math.max(100 - low, 2 * (100 - high)) && max <= 99.9,
    }[scale];
    demand(most(), `${range}, which is much more than the shown points, from ${low} to ${high}`);
    if (scale === "linear") {
      demand(min >= (limits[0] ?? -Infinity) && max <= (limits[1] ?? Infinity), `${range}, beyond ${shown(limits)}`);
    }
  }

  // What is drawn on the canvas is the JSON.
  checkDrawing() {
    const { panel, made } = this;
    const { drawn } = made.ctx;
    demand(drawn.length > 0, "nothing is drawn");
    checkNumbers(drawn);
    const texts = drawn.filter(({ kind }) => kind === "text").map(({ text }) => text);
    for (const text of texts) demand(!isWrong(text), `the text ${shown(text)} is drawn`);
    for (const title of [panel.x, panel.y]) {
      demand(title === "" || texts.includes(title), `the title ${shown(title)} is missing`);
    }
    if (panel.names) {
      const [from, to] = [made.scales.x.min, made.scales.x.max];
      const there = panel.names.map((name, at) => [name, String(at + 1)]).filter((_, at) => at >= from && at <= to);
      for (const [name, number] of there) {
        demand(texts.includes(name) || texts.includes(number), `the name ${name} is missing`);
      }
    }
    // The vertical axis's title is drawn in moved and turned coordinates.
    const labels = drawn.filter(({ kind, text }) => kind === "text" && text !== panel.y);
    const { left, top, width, height } = made.bbox;
    for (const { text, points: [{ x, y }] } of labels) {
      const inside = x < left ? y >= top - RATIO && y <= top + height + RATIO : x <= left + width + RATIO;
      demand(inside, `the label ${text} is beyond the axis`);
    }
    const isNumber = ({ text, points: [{ x }] }) => x < left && /^−?[0-9.]+(e−?[0-9]+)?$/.test(text);
    demand(labels.some(isNumber), "the vertical axis has no labels");

    // uPlot draws its grid on the canvas like the script, and lines by paths.
    const isGrid = ({ kind, strokeStyle }) => kind === "stroke" && strokeStyle === this.browser.colour("--line");
    const ours = drawn.filter((entry) => entry.ours && !isGrid(entry));
    const strokes = ours.filter(({ kind }) => kind === "stroke");
    const of = (kind, such) => ours.filter((entry) => entry.kind === kind && such(entry));
    const placed = ({ points }) => points.map(({ x, y }) => [pixels(x), pixels(y)]);
    const lines = this.lines();

    // Switches.
    const switches = panel.marks.map((mark) => [top, top + height].map((y) => [pixels(this.x(mark)), pixels(y)]));
    const muted = this.browser.colour("--muted");
    same(of("stroke", (entry) => entry.strokeStyle === muted && entry.dash.length > 0).map(placed), switches, "switches");

    // Bands.
    const banded = lines.filter((line) => line.joined && line.spread && lines.length <= MOST_BANDS);
    const bands = banded.map((line) => {
      const at = this.points(line);
      const end = (which) => (at) => [pixels(this.x(panel.places[at])), pixels(this.y(this.band(line, at)[which]))];
      return [this.colour(line), [...at.map(end(1)), ...at.reverse().map(end(0))]];
    });
    const areas = of("fill", (entry) => entry.globalAlpha < 1).map((entry) => [entry.fillStyle, placed(entry)]);
    same(areas, bands, "bands");

    // Minima after switches.
    const floors = lines.flatMap((line) => (line.floors ?? []).map(([from, to, y]) => {
      return [this.colour(line), [from, to].map((x) => [pixels(this.x(x)), pixels(this.y(y))])];
    }));
    const dotted = of("stroke", (entry) => entry.lineCap === "round" && entry.dash[0] === 0);
    same(dotted.map((entry) => [entry.strokeStyle, placed(entry)]), floors, "dotted lines");

    // Lines. uPlot rounds their points to pixels.
    const joined = lines.filter((line) => line.joined && this.points(line).length > 1);
    const styles = joined.map((line) => [this.colour(line), line.dash.map((of) => of * RATIO)]);
    const paths = drawn.filter((entry) => entry.kind === "stroke" && !entry.ours && entry.lineWidth === 2 * RATIO);
    const several = paths.filter(({ points }) => points.length > 1);
    const isWhole = panel.places.every((_, at) => this.inside(at));
    if (isWhole) same(several.map((entry) => [entry.strokeStyle, entry.dash]), styles, "lines");

    // Markers and their bars.
    const [markers, bars] = [[], []];
    for (const line of lines.filter((line) => line.marked)) {
      for (const at of this.points(line).filter((at) => this.inside(at))) {
        const [x, y] = [this.x(panel.places[at]) + this.shift(line), this.y(line.y[at])];
        const corners = line.marker.length ? line.marker : [[0, 0]];
        const moved = ([right, down]) => [pixels(x + right * RATIO), pixels(y + down * RATIO)];
        markers.push([this.colour(line), corners.map(moved)]);
        const ends = this.band(line, at);
        if (line.joined || ends[0] === ends[1]) continue;
        bars.push([this.colour(line), ends.map((end) => [pixels(x), pixels(this.y(end))])]);
      }
    }
    const filled = of("fill", (entry) => entry.globalAlpha === 1).map((entry) => [entry.fillStyle, placed(entry)]);
    same(filled, markers, "markers");
    const thin = of("stroke", (entry) => entry.lineWidth === 1.5 * RATIO && entry.strokeStyle !== muted);
    same(thin.map((entry) => [entry.strokeStyle, placed(entry)]), bars, "error bars");

    // Crosses: their middles.
    const crosses = [];
    lines.forEach((line, place) => {
      (line.crosses ?? []).forEach((crossed, at) => {
        if (!crossed || !this.inside(at)) return;
        const under = panel.names ? 0 : lines.slice(0, place).filter((other) => other.crosses?.[at]).length;
        const [x, y] = [this.x(panel.places[at]) + this.shift(line), top + height - under * 12 * RATIO];
        crosses.push([this.colour(line), pixels(x), pixels(y)]);
      });
    });
    const middle = (points, axis) => pixels(points.reduce((sum, point) => sum + point[axis], 0) / points.length);
    const crossed = strokes.filter(({ points, dash }) => points.length === 4 && dash.length === 0);
    const middles = crossed.map((of) => [of.strokeStyle, middle(of.points, "x"), middle(of.points, "y")]);
    same(middles, crosses, "crosses");
    const all = switches.length + floors.length + bars.length + crosses.length;
    equal(strokes.length, all, "the number of strokes");
  }

  check() {
    const { panel, made } = this;
    equal(made.root.querySelector(".u-title")?.textContent ?? "", panel.title, "the title");
    this.checkRange();
    this.checkDrawing();
    this.checkTexts();
  }

  // No text of the document is that of a missing value.
  checkTexts() {
    const cells = this.made.root.querySelectorAll(".u-value");
    for (const { textContent: text } of cells) {
      demand(text !== "" && !isWrong(text), `the legend has the text ${shown(text)}`);
    }
  }

  // The legend has the values at this place.
  checkValues(at) {
    const { panel } = this;
    const [place, ...values] = this.legend().map((row) => row.querySelector(".u-value").textContent);
    const where = `at ${panel.names ? panel.names[panel.places[at]] : panel.places[at]}`;
    if (panel.names) equal(place, panel.names[panel.places[at]], `the name in the legend ${where}`);
    else demand(near(read(place), panel.places[at], 1e-3), `the legend has ${place} ${where}`);
    values.forEach((text, line) => {
      const { label, y, spread } = panel.series[line];
      const what = `the value of ${label} ${where}`;
      if (y[at] == null) return equal(text, "–", what);
      const expected = [y[at], ...(spread?.[at] ? [spread[at]] : [])];
      const found = text.split(" ± ");
      equal(found.length, expected.length, `the numbers of ${what}, ${shown(text)}`);
      found.forEach((number, part) => {
        const value = expected[part];
        const digits = panel.decimals == null || number === value.toFixed(panel.decimals).replace("-", "−");
        demand(digits && (panel.decimals != null || near(read(number), value, 6e-3)), `${what}: ${number}, not ${value}`);
      });
    });
  }
}

const read = (text) => Number(text.replaceAll("−", "-"));

const near = (one, other, tolerance) => Math.abs(one - other) <= tolerance * Math.abs(other) + 1e-12;

// Every coordinate is finite.
const checkNumbers = (drawn) => {
  for (const { kind, points } of drawn) {
    for (const point of points) {
      const wrong = Object.entries(point).find(([name, value]) => name !== "kind" && !Number.isFinite(value));
      demand(!wrong, `a coordinate of a ${kind} is not finite: ${point.kind} ${shown(point)}`);
    }
  }
};
