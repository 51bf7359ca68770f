// Figures that the pages of small runs do not have: every scale, with extreme values.

const COLOURS = [["#0072B2", "#5CB8F0"], ["#C85400", "#FF9147"], ["#008A64", "#2CCB9C"]];
const MARKERS = [[], [[-3.8, -3.8], [3.8, -3.8], [3.8, 3.8], [-3.8, 3.8]], [[0, -5.4], [5, 3.6], [-5, 3.6]]];

// A line of a panel with these values, `null` where it has none.
const line = (number, y, more = {}) => ({
  label: `line ${number}`,
  colour: COLOURS[number],
  dash: number === 2 ? [9, 4] : [],
  marker: MARKERS[number],
  crosses: null,
  joined: true,
  marked: true,
  spread: null,
  floors: null,
  y,
  ...more,
});

const panel = (places, series, more = {}) => ({
  title: "",
  x: "iteration",
  y: "value",
  scale: "linear",
  decimals: null,
  limits: [0, null],
  wide: false,
  names: null,
  ticks: null,
  marks: [],
  series,
  places,
  ...more,
});

const PERCENT = { y: "accuracy (%)", decimals: 2, limits: [0, 100] };
const ERROR = { ...PERCENT, scale: "error" };
const LOSS = { y: "loss", scale: "logarithmic" };
const TO_SIX = [1, 2, 3, 4, 5, 6];
const constant = (value) => TO_SIX.map(() => value);

const figure = (title, panels, diverged = []) => ({ title, points: JSON.stringify({ panels, diverged }) });

const names = (count) => Array.from({ length: count }, (_, at) => `name ${at + 1}`);
const single = (number, y, spread) => line(number, y, { joined: false, spread });

export const FIGURES = [
  figure("dotted lines", [
    panel(TO_SIX, [
      line(0, [50, 90, 99, 40, 70, 98], { spread: [0, 20, 0.5, 1, 0, 3], floors: [[4, 6, 40]] }),
      line(1, [60, 80, null, 50, 20, 100], { floors: [[3, 4, 50], [5, 6, 20]] }),
      line(2, [60, 80, 90, 55, 65, 95]),
    ], { ...PERCENT, title: "1 → 2", marks: [3.5, 4.5] }),
    panel(TO_SIX, [
      line(0, [50, 90, 99, 40, 70, 98], { floors: [[4, 6, 40]] }),
      line(2, [60, 80, 90, 55, 65, 95]),
    ], { ...ERROR, title: "2 → 3" }),
    panel(TO_SIX, [line(0, [3, 0.3, 0.03, 0.003, 1, 0.1], { floors: [[4, 6, 0.003]] })], LOSS),
  ]),
  figure("accuracies", [
    panel(TO_SIX, [line(0, constant(100)), line(1, [99.95, 100, 100, 100, 100, 99.99])], { ...ERROR, title: "perfect" }),
    panel(TO_SIX, [line(0, constant(0))], { ...ERROR, title: "zero" }),
    panel(TO_SIX, [line(0, constant(99.5), { spread: [1, 1, 0, 1, 1, 1] })], { ...ERROR, title: "equal" }),
    panel(TO_SIX, [line(0, [93, 94.5, 93.2, 94.1, 93.7, 94])], { ...ERROR, title: "between ticks" }),
    panel(TO_SIX, [line(0, constant(100))], { ...PERCENT, title: "perfect, linear" }),
    panel(TO_SIX, [line(0, constant(0))], { ...PERCENT, title: "zero, linear" }),
  ]),
  figure("losses", [
    panel(TO_SIX, [
      line(0, [1, 0, 0.1, 1e-3, 2, 0]),
      line(1, [1, 0.5, 1, 0.5, 1, 0.5], { spread: [1, 1, 0.2, 0.5, 0, 0] }),
    ], { ...LOSS, title: "zero" }),
    panel(TO_SIX, [line(0, constant(0))], { ...LOSS, title: "only zero" }),
    panel(TO_SIX, [line(0, constant(0.7))], { ...LOSS, title: "equal" }),
    panel(TO_SIX, [line(0, [0.022, 0.045, 0.03, 0.04, 0.025, 0.033])], { ...LOSS, title: "between powers of ten" }),
    panel(TO_SIX, [line(0, [1e-7, 1e5, 1, 1e12, 1e-3, 1])], { ...LOSS, title: "many powers of ten" }),
  ]),
  figure("names", [
    panel([0, 1, 2], [
      single(0, [10, 20, 30], [1, 0, 40]),
      single(1, [15, null, 90], [0, null, 20]),
      single(2, [1, 2, 3]),
    ], { ...PERCENT, names: names(3), x: "task" }),
    panel([0, 2], [single(0, [-10, 20], [1, 2]), single(1, [15, 5])], { names: names(3), x: "task", limits: [null, null] }),
    panel([1, 2], [single(0, [5, 6])], { names: names(4), x: "task", title: "the first and the last are missing" }),
    panel([0], [single(0, [5])], { names: names(1), x: "task", title: "one" }),
    panel([0, 1], [single(0, [5, 6], [1, 1])], { names: ["a name of many letters ".repeat(5), "b"], x: "task" }),
  ]),
  figure("settings", [
    panel([0.001, 0.01, 0.1], [
      line(0, [30, 50, null], { crosses: [false, false, true] }),
      line(1, [40, null, null], { crosses: [false, true, true] }),
      line(2, [null, null, null], { crosses: [true, true, true] }),
    ], { ...PERCENT, wide: true, ticks: [0.001, 0.01, 0.1], x: "learning rate" }),
    panel([1, 2, 4], [
      line(0, [-3, 0, 2e-5]),
      line(1, [1e6, 3, null], { crosses: [false, false, true] }),
    ], { ticks: [1, 2, 4], limits: [null, null] }),
    panel([5], [line(0, [0.25])], { ticks: [5] }),
    panel(TO_SIX, [
      line(0, [-3e-6, 2e-5, null, -5e-5, 0, -1e-9], { spread: [1e-6, 0, null, 2e-5, 0, 0] }),
    ], { limits: [null, null] }),
  ], [
    { colour: COLOURS[0], text: "line 0 diverged: at 0.1" },
    { colour: COLOURS[1], text: "line 1 diverged: at 0.01; at 0.1" },
  ]),
];
