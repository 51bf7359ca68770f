// Tests the script of the page, src/report/page/enlarge.js, without a browser: node tests/enlarge.mjs PAGE.html...
//
// The real uPlot draws the figures of these pages, and some of its own, on canvases that record what is drawn. It calls the
// functions of the script as in a browser. In light and in dark, every figure is enlarged, its values are read under the
// pointer, its lines are switched off and on, it is zoomed and resized. Prints what is wrong with figure and panel, and ends
// with exit code 1.
import { readFileSync } from "node:fs";
import { basename } from "node:path";
import { Worker, isMainThread, parentPort } from "node:worker_threads";

import { Browser, RATIO, script } from "./enlarge/browser.mjs";
import { FIGURES } from "./enlarge/figures.mjs";
import { Panel, Wrong, demand, equal, shown } from "./enlarge/panel.mjs";

// A step that takes longer does not end: uPlot asks for ticks without end if an axis has no ends.
const MOST_SECONDS = 20;
const MOST_PROBLEMS = 20;

// A figure on a page in a browser.
class Figure {
  constructor(browser, number, place, points) {
    const { panels, diverged } = JSON.parse(points);
    Object.assign(this, { browser, place, panels, diverged, figure: browser.figures[number], hasProblem: false });
  }

  // Calls `check`, and notes what is wrong.
  attempt(when, check) {
    const note = (error) => {
      const thrown = () => `the script throws: ${error?.stack?.split("\n").slice(0, 3).join(" ") ?? error}`;
      this.hasProblem = true;
      const text = error instanceof Wrong ? error.message : thrown();
      parentPort.postMessage({ problem: `${this.place}, ${when}: ${text}` });
    };
    parentPort.postMessage({ step: `${this.place}, ${when}` });
    try {
      check();
    } catch (error) {
      note(error);
    }
    this.browser.errors.splice(0).forEach(note);
  }

  // Does something, waits until it is drawn, and calls `check` of each panel.
  async step(when, act, check = (panel) => panel.check()) {
    this.attempt(when, act);
    await this.browser.settled();
    this.attempt(when, () => {});
    for (const panel of this.plots()) {
      this.attempt(`${when}, panel ${shown(panel.panel.title || panel.panel.y)}`, () => check(panel));
    }
  }

  // The panels with the plots that are there now.
  plots() {
    const isThere = ({ into, made }) => into.parentElement === this.figure && made.root.parentElement === into;
    const own = this.browser.plots.filter(isThere).slice(0, this.panels.length);
    return own.map((plot, place) => new Panel(this.panels[place], plot, this.browser));
  }

  button() {
    return this.figure.querySelector("button");
  }

  checkPage(enlarged) {
    const { figure } = this;
    equal(figure.querySelector("svg").style.display, enlarged ? "none" : "", "the display of the printed figure");
    const text = enlarged ? "Show the printed figure" : "Zoom and read values";
    equal([this.button().textContent, this.button().attributes.get("aria-pressed")], [text, String(enlarged)], "the button");
    equal(figure.querySelectorAll(".uplot").length, enlarged ? this.panels.length : 0, "the number of panels");
    const list = figure.querySelector(".diverged");
    equal(list.hidden, !enlarged, "whether the list of what diverged is hidden");
    const items = list.children.map((item) => [item.textContent, item.children[0].style.color]);
    equal(items, this.diverged.map(({ text, colour }) => [`✕ ${text}`, colour[Number(this.browser.dark)]]), "what diverged");
  }

  async check() {
    const press = () => this.button().onclick();
    this.attempt("as printed", () => this.checkPage(false));
    await this.step("enlarged", press, (panel) => {
      panel.checkLines();
      panel.check();
      const { names } = panel.panel;
      const { min, max } = panel.made.scales.x;
      if (names) equal([min, max], [-0.5, names.length - 0.5], "the horizontal axis");
    });
    this.attempt("enlarged", () => this.checkPage(true));
    // Everything else would be wrong too.
    if (this.hasProblem) return;
    await this.checkPointer();
    await this.checkToggling();
    await this.checkZoom();
    await this.step("resized", () => this.browser.resize(this.figure, 400), (panel) => {
      equal(panel.made.width, 400, "the width");
      panel.check();
    });
    await this.step("as printed again", press);
    this.attempt("as printed again", () => this.checkPage(false));
  }

  // The values under the pointer, in all panels with the same places.
  async checkPointer() {
    for (const [number, panel] of this.plots().entries()) {
      const { places } = panel.panel;
      const when = `with the pointer on panel ${number + 1}`;
      const over = panel.made.root.querySelector(".u-over");
      for (const at of new Set([0, Math.floor((places.length - 1) / 2), places.length - 1])) {
        const clientX = (panel.x(places[at]) - panel.made.bbox.left) / RATIO;
        const move = () => over.fire("mousemove", { clientX, clientY: 20, movementX: 1 });
        await this.step(when, move, (other) => {
          other.checkTexts();
          if (shown(other.panel.places) === shown(places)) other.checkValues(at);
        });
      }
      await this.step("after the pointer", () => over.fire("mouseleave"), (other) => other.checkTexts());
    }
  }

  // Lines off and on, in all panels.
  async checkToggling() {
    const [first] = this.plots();
    const rows = first.legend().slice(1);
    const labels = first.panel.series.map((line) => line.label);
    const off = (hidden) => (panel) => {
      const expected = panel.panel.series.map((line) => !hidden.includes(line.label));
      equal(panel.made.series.slice(1).map((line) => line.show), expected, "whether lines are shown");
      panel.check();
    };
    const names = rows.map((row) => row.querySelector("th"));
    for (const place of new Set([0, rows.length - 1])) {
      const label = labels[place];
      await this.step(`without ${label}`, () => names[place].fire("click"), off([label]));
      await this.step(`with ${label} again`, () => names[place].onkeydown({ key: "Enter" }), off([]));
    }
    const clickAll = () => names.forEach((name) => name.fire("click"));
    await this.step("without lines", clickAll, off(labels));
    await this.step("with all lines again", clickAll, off([]));
  }

  // Zooms by dragging, and back.
  async checkZoom() {
    const [first] = this.plots();
    const over = first.made.root.querySelector(".u-over");
    const width = first.made.bbox.width / RATIO;
    const before = { ...first.made.scales.x };
    const drag = () => {
      for (const [type, share] of [["mousemove", 0.2], ["mousedown", 0.2], ["mousemove", 0.7]]) {
        over.fire(type, { clientX: share * width, clientY: 20, movementX: 1 });
      }
      this.browser.document.fire("mouseup", { target: over, clientX: 0.7 * width, clientY: 20 });
    };
    await this.step("zoomed", drag);
    this.attempt("zoomed", () => {
      const { min, max } = first.made.scales.x;
      const zoomed = min >= before.min && max <= before.max && max - min < before.max - before.min;
      demand(zoomed, `the horizontal axis goes from ${min} to ${max}`);
    });
    const ends = ({ min, max }) => [min, max];
    await this.step("after a double click", () => over.fire("dblclick"));
    this.attempt("after a double click", () => equal(ends(first.made.scales.x), ends(before), "the horizontal axis"));
  }
}

// The figures of a page that can be enlarged.
const figuresOf = (page) => {
  const figures = [...page.matchAll(/<figure>(.*?)<\/figure>/gs)].map(([, text]) => ({
    title: /<figcaption><strong>(.*?)\.? ?<\/strong>/s.exec(text)?.[1] ?? "without a title",
    points: /<script type="application\/json">(.*?)<\/script>/s.exec(text)?.[1],
  }));
  return figures.filter(({ points }) => points);
};

// Checks the figures of a page, which are drawn in another mode first: the system may switch.
const checkPage = async (page, figures, text) => {
  for (const dark of [false, true]) {
    const mode = dark ? "dark" : "light";
    const browser = new Browser(figures, text, !dark);
    const place = ({ title }) => `${page}, figure ${shown(title)}, in ${mode}`;
    const all = figures.map((figure, number) => new Figure(browser, number, place(figure), figure.points));
    const press = (figure) => figure.step("enlarged", () => figure.button().onclick(), () => {});
    for (const figure of all) await press(figure);
    browser.setDark(dark);
    for (const figure of all) {
      const when = `after the switch to ${mode}`;
      await figure.step(when, () => {}, (panel) => panel.checkLines());
      figure.attempt(when, () => figure.checkPage(true));
      await press(figure);
      await figure.check();
    }
  }
};

// Checks the pages that the command names.
const check = async () => {
  const text = script();
  const pages = process.argv.slice(2).map((path) => [basename(path), figuresOf(readFileSync(path, "utf8"))]);
  let count = 0;
  for (const [page, figures] of [["tests/enlarge/figures.mjs", FIGURES], ...pages]) {
    if (figures.length === 0) parentPort.postMessage({ problem: `${page}: no figure can be enlarged` });
    await checkPage(page, figures, text);
    count += figures.length;
  }
  parentPort.postMessage({ count });
};

// Checks them in another thread, so that a step without end is noticed, and prints what is wrong.
const main = () => {
  const worker = new Worker(new URL(import.meta.url), { argv: process.argv.slice(2) });
  const problems = [];
  const end = (count) => {
    for (const problem of problems.slice(0, MOST_PROBLEMS)) console.error(problem);
    if (problems.length > MOST_PROBLEMS) console.error(`and ${problems.length - MOST_PROBLEMS} more`);
    if (problems.length === 0) console.log(`${count} figures are enlarged as they are printed`);
    process.exit(problems.length === 0 ? 0 : 1);
  };
  let timer;
  worker.on("error", (error) => {
    problems.push(error.stack ?? String(error));
    end();
  });
  worker.on("message", ({ step, problem, count }) => {
    clearTimeout(timer);
    if (count !== undefined) end(count);
    if (problem !== undefined) problems.push(problem);
    if (step === undefined) return;
    timer = setTimeout(() => {
      problems.push(`${step}: the script does not end`);
      end();
    }, 1000 * MOST_SECONDS);
  });
};

if (isMainThread) main();
else await check();
