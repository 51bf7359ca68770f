// A stub of a browser: the parts of the document, the canvas and the window that uPlot and our script use. A canvas records
// what is drawn.
import { readFileSync } from "node:fs";
import vm from "node:vm";

const source = (name) => readFileSync(new URL(`../../src/report/page/${name}`, import.meta.url), "utf8");
const LIBRARY = new vm.Script(source("uplot/uPlot.iife.min.js"), { filename: "uPlot.iife.min.js" });

// Canvas pixels per CSS pixel.
export const RATIO = 2;

class Text {
  #value = "";
  parentElement = null;
  constructor(value) {
    this.nodeValue = value;
  }
  get nodeValue() {
    return this.#value;
  }
  set nodeValue(value) {
    this.#value = value == null ? "" : String(value);
  }
  get textContent() {
    return this.#value;
  }
}

class Element {
  parentElement = null;
  childNodes = [];
  style = {};
  attributes = new Map();
  listeners = new Map();
  classes = new Set();
  hidden = false;
  clientWidth = 0;
  classList = {
    add: (name) => this.classes.add(name),
    remove: (name) => this.classes.delete(name),
    contains: (name) => this.classes.has(name),
  };

  constructor(tag) {
    this.tag = tag;
  }
  get className() {
    return [...this.classes].join(" ");
  }
  set className(names) {
    this.classes = new Set(names.split(" "));
  }
  get children() {
    return this.childNodes.filter((node) => node instanceof Element);
  }
  get firstChild() {
    return this.childNodes[0] ?? null;
  }
  get textContent() {
    return this.childNodes.map((node) => node.textContent).join("");
  }
  set textContent(text) {
    this.replaceChildren(new Text(text));
  }

  remove() {
    const siblings = this.parentElement?.childNodes ?? [];
    if (siblings.includes(this)) siblings.splice(siblings.indexOf(this), 1);
    this.parentElement = null;
  }
  #insert(place, nodes) {
    const isNode = (node) => node instanceof Element || node instanceof Text;
    const made = nodes.map((node) => (isNode(node) ? node : new Text(node)));
    for (const node of made) {
      if (node instanceof Element) node.remove();
      node.parentElement = this;
    }
    this.childNodes.splice(place, 0, ...made);
  }
  append(...nodes) {
    this.#insert(this.childNodes.length, nodes);
  }
  prepend(...nodes) {
    this.#insert(0, nodes);
  }
  after(...nodes) {
    this.parentElement.#insert(this.parentElement.childNodes.indexOf(this) + 1, nodes);
  }
  appendChild(node) {
    this.append(node);
    return node;
  }
  insertBefore(node, next) {
    this.#insert(next == null ? this.childNodes.length : this.childNodes.indexOf(next), [node]);
    return node;
  }
  replaceChildren(...nodes) {
    for (const node of this.childNodes) node.parentElement = null;
    this.childNodes = [];
    this.append(...nodes);
  }

  setAttribute(name, value) {
    this.attributes.set(name, String(value));
  }
  addEventListener(type, listener) {
    this.listeners.set(type, [...(this.listeners.get(type) ?? []), listener]);
  }
  removeEventListener(type, listener) {
    this.listeners.set(type, (this.listeners.get(type) ?? []).filter((known) => known !== listener));
  }
  // Calls the listeners of an event on this element.
  fire(type, event = {}) {
    for (const listener of this.listeners.get(type) ?? []) listener({ type, target: this, button: 0, ctrlKey: false, metaKey: false, ...event });
  }
  getBoundingClientRect() {
    const [width, height] = ["width", "height"].map((side) => parseFloat(this.style[side] ?? 0));
    return { left: 0, top: 0, width, height };
  }

  #is(part) {
    const [, tag, classes, name, value] = /^([a-z]*)((?:\.[a-z-]+)*)(?:\[([a-z-]+)="([^"]*)"\])?$/.exec(part);
    const named = classes.split(".").slice(1);
    const has = name === undefined || this.attributes.get(name) === value;
    return (tag === "" || tag === this.tag) && named.every((of) => this.classes.has(of)) && has;
  }
  #matches(parts) {
    const last = parts.at(-1);
    if (!this.#is(last)) return false;
    const before = parts.slice(0, -1);
    if (before.length === 0) return true;
    if (before.at(-1) === ">") return this.parentElement?.#matches(before.slice(0, -1)) ?? false;
    for (let above = this.parentElement; above; above = above.parentElement) {
      if (above.#matches(before)) return true;
    }
    return false;
  }
  querySelectorAll(selector) {
    const parts = selector.split(" ");
    const found = [];
    const search = (element) => {
      for (const child of element.children) {
        if (child.#matches(parts)) found.push(child);
        search(child);
      }
    };
    search(this);
    return found;
  }
  querySelector(selector) {
    return this.querySelectorAll(selector)[0] ?? null;
  }
}

// The points of a path; lines and arcs with their coordinates.
class Path {
  points = [];
  constructor(other) {
    if (other) this.points.push(...other.points);
  }
  moveTo(x, y) {
    this.points.push({ kind: "move", x, y });
  }
  lineTo(x, y) {
    this.points.push({ kind: this.points.length === 0 ? "move" : "line", x, y });
  }
  rect(x, y, width, height) {
    this.points.push({ kind: "rect", x, y, width, height });
  }
  arc(x, y, radius, from, to) {
    this.points.push({ kind: "arc", x, y, radius, from, to });
  }
}

// A canvas context: `drawn` are the strokes, fills and texts since the canvas was cleared, each with its style.
class Context extends Path {
  drawn = [];
  saved = [];
  dash = [];
  style = { strokeStyle: "#000", fillStyle: "#000", lineWidth: 1, lineCap: "butt", globalAlpha: 1 };

  constructor() {
    super();
    for (const name of ["strokeStyle", "fillStyle", "lineWidth", "lineCap", "globalAlpha"]) {
      Object.defineProperty(this, name, {
        get: () => this.style[name],
        // A browser ignores a style that is not one.
        set: (value) => value == null || (this.style[name] = value),
      });
    }
  }
  setLineDash(lengths) {
    this.dash = [...lengths];
  }
  save() {
    this.saved.push([{ ...this.style }, this.dash]);
  }
  restore() {
    [this.style, this.dash] = this.saved.pop();
  }
  #draw(kind, points, more = {}) {
    this.drawn.push({ kind, points, ...this.style, dash: this.dash, ...more });
  }
  beginPath() {
    this.points = [];
  }
  stroke(path = this) {
    this.#draw("stroke", [...path.points], { ours: path === this });
  }
  fill(path = this) {
    this.#draw("fill", [...path.points], { ours: path === this });
  }
  fillText(text, x, y) {
    this.#draw("text", [{ kind: "text", x, y }], { text: String(text) });
  }
  clip() {}
  translate(x, y) {
    this.#draw("translate", [{ kind: "translate", x, y }]);
  }
  rotate() {}
  clearRect() {
    this.drawn = [];
  }
}

// A window with a page of these figures, `{ title, points }`, and the script `text`, which runs at once.
export class Browser {
  // Errors of tasks that were queued.
  errors = [];
  // Every plot with its options and data.
  plots = [];
  #changes = [];
  #observers = [];

  constructor(figures, text, dark, width = 900) {
    this.dark = dark;
    const document = new Element("document");
    document.createElement = (tag) => {
      const made = new Element(tag);
      if (tag === "canvas") {
        const context = new Context();
        made.getContext = () => context;
      }
      return made;
    };
    document.documentElement = document;
    this.figures = figures.map(({ title, points }) => {
      const tags = ["figure", "svg", "script", "figcaption"];
      const [figure, svg, script, caption] = tags.map((tag) => new Element(tag));
      script.setAttribute("type", "application/json");
      script.textContent = points;
      caption.textContent = title;
      figure.clientWidth = width;
      figure.append(svg, script, caption);
      document.append(figure);
      return figure;
    });
    this.document = document;

    const browser = this;
    const window = new Element("window");
    window.dispatchEvent = () => {};
    const scheme = {
      get matches() {
        return browser.dark;
      },
      addEventListener: (_, listener) => this.#changes.push(listener),
    };
    const still = { matches: true, addEventListener() {}, removeEventListener() {} };
    this.window = vm.createContext({
      window,
      document,
      navigator: { language: "en-US" },
      devicePixelRatio: RATIO,
      matchMedia: (query) => (query === "(prefers-color-scheme: dark)" ? scheme : still),
      CustomEvent: class {},
      HTMLElement: Element,
      Path2D: Path,
      getComputedStyle: () => ({ getPropertyValue: (name) => ` ${this.colour(name)} ` }),
      ResizeObserver: class {
        constructor(changed) {
          this.observe = (element) => browser.#observers.push([element, changed]);
        }
      },
      queueMicrotask: (task) => queueMicrotask(() => this.attempt(task)),
    });
    LIBRARY.runInContext(this.window);
    const Library = this.window.uPlot;
    const record = function (options, data, into) {
      const made = new Library(options, data, into);
      const { setScale } = made;
      made.setScale = (key, { min, max }) => {
        if (!(min < max)) throw new Error(`the scale ${key} is set from ${min} to ${max}`);
        setScale(key, { min, max });
      };
      browser.plots.push({ made, options, data, into });
      return made;
    };
    this.window.uPlot = Object.assign(record, Library);
    new vm.Script(text, { filename: "enlarge.js" }).runInContext(this.window);
  }

  // The colour of a variable of the page's style sheet.
  colour(name) {
    return `${name}-${this.dark ? "dark" : "light"}`;
  }

  attempt(task) {
    try {
      task();
    } catch (error) {
      this.errors.push(error);
    }
  }

  // Waits until no task is queued: plots are drawn.
  settled() {
    return new Promise((resolve) => setImmediate(resolve));
  }

  setDark(dark) {
    this.dark = dark;
    for (const listener of this.#changes) this.attempt(() => listener({ matches: dark }));
  }

  resize(figure, width) {
    figure.clientWidth = width;
    for (const [element, changed] of this.#observers) {
      if (element === figure) this.attempt(changed);
    }
  }
}

// The script of the page.
export const script = () => source("enlarge.js");
