// Draws the points of a figure with uPlot, in its place: zoom, lines on and off, values under the pointer. Without
// scripts the figure stays as it is.
(() => {
  const dark = matchMedia("(prefers-color-scheme: dark)");
  // More bands would hide the lines.
  const MOST_BANDS = 6;

  // With the decimals of the tables, or with four digits.
  const text = (value, decimals) => {
    const size = Math.abs(value);
    const exponential = size !== 0 && (size < 1e-3 || size >= 1e5);
    const short = exponential ? (+value.toPrecision(3)).toExponential().replace("+", "") : String(+value.toPrecision(4));
    return (decimals == null ? short : value.toFixed(decimals)).replaceAll("-", "−");
  };

  const SCALES = {
    linear: {},
    logarithmic: { distr: 3 },
    error: {
      distr: 100,
      fwd: (accuracy) => -Math.log10(Math.max(100 - accuracy, 0.1)),
      bwd: (share) => 100 - 10 ** -share,
    },
  };
  const upTo = (count) => [...Array(count).keys()];
  const WHOLE = upTo(10).flatMap((power) => [1, 2, 5].map((digit) => digit * 10 ** power));
  const ACCURACIES = [0, 50, 70, 90, 95, 97, 99, 99.5, 99.7, 99.9];

  const between = (values, min, max) => values.filter((value) => value >= min && value <= max);

  // At most eleven round values at equal distances.
  const round = (min, max) => {
    const step = 10 ** Math.floor(Math.log10(max - min));
    return between(upTo(11).map((at) => (Math.ceil(min / step) + at) * step), min, max);
  };

  // The ticks of a logarithmic axis of errors: some of these accuracies, or round values if fewer than two are on the axis.
  const accuracies = (min, max) => {
    const known = between(ACCURACIES, min, max);
    return known.length > 1 ? known : round(min, max);
  };

  // The ticks of a logarithmic axis: powers of ten, or others too, or round values if fewer than two of them are on the axis.
  const losses = (min, max) => {
    const [first, last] = [min, max].map((end) => Math.floor(Math.log10(end)));
    const powers = upTo(last - first + 1).map((at) => first + at);
    const of = (digits) => between(powers.flatMap((power) => digits.map((digit) => digit * 10 ** power)), min, max);
    const found = [[1], [1, 2, 5], upTo(10).slice(1)].map(of).find((some) => some.length > 1) ?? round(min, max);
    return found.filter((_, at) => at % Math.ceil(found.length / 12) === 0);
  };

  // The ends of the band of a line at a point; those of its value without a band.
  const band = (panel, line, at) => {
    const [value, spread] = [line.y[at], line.spread ? line.spread[at] : 0];
    return [Math.max(value - spread, panel.limits[0] ?? -Infinity), Math.min(value + spread, panel.limits[1] ?? Infinity)];
  };

  // The smallest loss and the largest accuracy that axes show, as in the printed figure.
  const LEAST_LOSS = 1e-6;
  const MOST_ACCURACY = 99.9;
  // The ends of an axis without lines.
  const EMPTY = { linear: [0, 1], logarithmic: [0.1, 1], error: [0, 99] };

  // The ends of the vertical axis for the visible lines between the ends of the horizontal one.
  const range = (panel, u) => {
    let [low, high] = [Infinity, -Infinity];
    const { min, max } = u.scales.x;
    panel.series.forEach((line, place) => {
      if (!u.series[place + 1].show) return;
      panel.places.forEach((x, at) => {
        if (line.y[at] == null || x < min || x > max) return;
        const [below, above] = band(panel, line, at);
        low = Math.min(low, panel.scale === "logarithmic" && below <= 0 ? line.y[at] : below);
        high = Math.max(high, above);
      });
    });
    if (low > high) return EMPTY[panel.scale];
    if (panel.scale === "logarithmic") {
      low = Math.max(low, LEAST_LOSS);
      return [low / 1.1, Math.max(high, low) * 1.1];
    }
    if (panel.scale === "error") {
      // At least up to twice the smallest error.
      low = Math.min(low, MOST_ACCURACY - 0.1);
      const bottom = Math.max(low - 0.02 * (100 - low), 0);
      return [bottom, Math.min(Math.max(high, bottom + 0.02 * (100 - bottom)), MOST_ACCURACY)];
    }
    const margin = 0.05 * (high - low) || 0.5;
    const fit = (value, sign, limit) => (limit == null || (limit - value) * sign > margin ? value + sign * margin : limit);
    return [fit(low, -1, panel.limits[0]), fit(high, 1, panel.limits[1])];
  };

  // The vertical position of a value; the end of the axis for one beyond it.
  const height = (u, value) => {
    const { top, height } = u.bbox;
    return Math.min(Math.max(u.valToPos(value, "y", true), top), top + height);
  };

  // The marker of a line: a polygon, or a circle.
  const marker = (ctx, line, x, y) => {
    const ratio = devicePixelRatio;
    ctx.beginPath();
    if (line.marker.length === 0) ctx.arc(x, y, 4 * ratio, 0, 2 * Math.PI);
    line.marker.forEach(([right, down]) => ctx.lineTo(x + right * ratio, y + down * ratio));
    ctx.fill();
  };

  const CROSS = 5;
  const cross = (ctx, x, y) => {
    const size = CROSS * devicePixelRatio;
    ctx.lineWidth = 2.5 * devicePixelRatio;
    ctx.beginPath();
    for (const end of [size, -size]) {
      ctx.moveTo(x - size, y - end);
      ctx.lineTo(x + size, y + end);
    }
    ctx.stroke();
  };

  const shown = (panel, u) => panel.series.filter((_, place) => u.series[place + 1].show);

  // How far the markers of a line are to the right of their name.
  const shift = (panel, u, place, count) => {
    if (!panel.names) return 0;
    return (place - (count - 1) / 2) * (u.valToPos(1, "x", true) - u.valToPos(0, "x", true)) * 0.7 / count;
  };

  // Below the lines: switches, bands and dotted lines at the minima after switches.
  const below = (panel, colour, muted) => (u) => {
    const { ctx, bbox } = u;
    const ratio = devicePixelRatio;
    ctx.save();
    ctx.beginPath();
    ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height);
    ctx.clip();
    ctx.setLineDash([5 * ratio, 4 * ratio]);
    ctx.strokeStyle = muted;
    for (const mark of panel.marks) {
      const x = u.valToPos(mark, "x", true);
      ctx.beginPath();
      ctx.moveTo(x, bbox.top);
      ctx.lineTo(x, bbox.top + bbox.height);
      ctx.stroke();
    }
    const lines = shown(panel, u);
    for (const line of lines) {
      if (!line.joined || !line.spread || lines.length > MOST_BANDS) continue;
      const there = panel.places.map((_, at) => at).filter((at) => line.y[at] != null);
      const ends = (at) => band(panel, line, at).map((y) => height(u, y));
      const x = (at) => u.valToPos(panel.places[at], "x", true);
      ctx.fillStyle = colour(line);
      ctx.globalAlpha = 0.22;
      ctx.beginPath();
      there.forEach((at) => ctx.lineTo(x(at), ends(at)[1]));
      there.reverse().forEach((at) => ctx.lineTo(x(at), ends(at)[0]));
      ctx.fill();
    }
    ctx.globalAlpha = 1;
    ctx.lineCap = "round";
    ctx.lineWidth = 2.5 * ratio;
    ctx.setLineDash([0, 5 * ratio]);
    for (const line of lines) {
      ctx.strokeStyle = colour(line);
      for (const [from, to, y] of line.floors ?? []) {
        ctx.beginPath();
        for (const end of [from, to]) ctx.lineTo(u.valToPos(end, "x", true), height(u, y));
        ctx.stroke();
      }
    }
    ctx.restore();
  };

  // Above the lines: markers, with bars for names, and a cross on the axis where training diverged.
  const above = (panel, colour) => (u) => {
    const { ctx, bbox } = u;
    const ratio = devicePixelRatio;
    const lines = shown(panel, u);
    const { min, max } = u.scales.x;
    const inside = (x) => x >= min && x <= max;
    ctx.save();
    ctx.setLineDash([]);
    lines.forEach((line, place) => {
      ctx.fillStyle = ctx.strokeStyle = colour(line);
      panel.places.forEach((value, at) => {
        if (!inside(value)) return;
        const x = u.valToPos(value, "x", true) + shift(panel, u, place, lines.length);
        if (line.marked && line.y[at] != null) {
          const [low, high] = band(panel, line, at).map((y) => height(u, y));
          if (!line.joined && low !== high) {
            ctx.lineWidth = 1.5 * ratio;
            ctx.beginPath();
            ctx.moveTo(x, low);
            ctx.lineTo(x, high);
            ctx.stroke();
          }
          marker(ctx, line, x, height(u, line.y[at]));
        }
        if (!line.crosses || !line.crosses[at]) return;
        const under = panel.names ? 0 : lines.slice(0, place).filter((of) => of.crosses && of.crosses[at]).length;
        cross(ctx, x, bbox.top + bbox.height - under * 2.4 * CROSS * ratio);
      });
    });
    ctx.restore();
  };

  // The line of the printed figure, for the legend.
  const swatch = (line, colour) => {
    const [drawn, ratio] = [document.createElement("canvas"), devicePixelRatio];
    drawn.className = "swatch";
    [drawn.width, drawn.height] = [44 * ratio, 16 * ratio];
    const ctx = drawn.getContext("2d");
    ctx.fillStyle = ctx.strokeStyle = colour;
    if (line.joined) {
      ctx.lineWidth = 3 * ratio;
      ctx.setLineDash(line.dash.map((length) => length * ratio));
      ctx.beginPath();
      ctx.moveTo(0, drawn.height / 2);
      ctx.lineTo(drawn.width, drawn.height / 2);
      ctx.stroke();
    }
    if (line.marked) marker(ctx, line, drawn.width / 2, drawn.height / 2);
    return drawn;
  };

  const plot = (panel, into, width, all) => {
    const style = getComputedStyle(document.documentElement);
    const [ink, grid, muted] = ["--ink", "--line", "--muted"].map((name) => style.getPropertyValue(name).trim());
    const colour = (line) => line.colour[Number(dark.matches)];
    const axis = { stroke: ink, font: "13px sans-serif", labelFont: "13px sans-serif", grid: { stroke: grid, width: 1 }, ticks: { stroke: grid } };
    const fixed = (ticks) => ({ splits: (_, __, min, max) => ticks(min, max), filter: (_, splits) => splits });
    const only = (values) => (values ? fixed((min, max) => between(values, min, max)) : {});
    const ticks = { error: fixed(accuracies), logarithmic: fixed(losses) }[panel.scale];
    // Tasks, epochs and iterations are whole.
    const whole = panel.places.every(Number.isInteger) ? { incrs: WHOLE } : {};
    const indices = panel.names && panel.names.map((_, at) => at);
    // Names that do not fit below their places have numbers, which the caption explains.
    const fits = panel.names && Math.max(...panel.names.map((of) => of.length)) * 8 < (width - 80) / panel.names.length;
    const name = (value) => (panel.names ? panel.names[value] ?? "" : text(value));
    // All names, or those between the ends of a part that was zoomed in, each with its whole width.
    const places = (_, min, max) => {
      const [first, last] = [-0.5, panel.names.length - 0.5];
      const all = min <= panel.places[0] && max >= panel.places.at(-1);
      return all ? [first, last] : [Math.max(min - 0.5, first), Math.min(max + 0.5, last)];
    };
    const fit = (u) => {
      const [min, max] = range(panel, u);
      u.setScale("y", { min, max });
    };
    const lines = panel.series.map((line) => ({
      label: line.label,
      stroke: colour(line),
      width: line.joined ? 2 : 0,
      dash: line.dash.length ? line.dash.map((length) => length * devicePixelRatio) : undefined,
      spanGaps: true,
      points: { show: false },
      value: (_, value, place, at) => {
        if (value == null) return "–";
        const spread = line.spread && line.spread[at] ? ` ± ${text(line.spread[at], panel.decimals)}` : "";
        return text(value, panel.decimals) + spread;
      },
    }));
    const made = new uPlot({
      width,
      height: all.length > 1 ? 250 : 340,
      title: panel.title,
      // A horizontal line would look like a minimum.
      cursor: { y: false, sync: { key: all.key }, points: { size: 8 } },
      legend: { markers: { show: false } },
      scales: {
        x: { time: false, distr: panel.wide ? 3 : 1, ...(panel.names ? { range: places } : {}) },
        y: { ...SCALES[panel.scale], auto: false, range: (_, min, max) => [min, max] },
      },
      axes: [
        { ...axis, ...whole, label: panel.x, values: (_, splits) => splits.map(panel.names && !fits ? (at) => String(at + 1) : name), ...only(indices || panel.ticks) },
        { ...axis, label: panel.y, size: 62, values: (_, splits) => splits.map((value) => text(value)), ...ticks },
      ],
      series: [{ label: panel.x, value: (_, value) => (value == null ? "–" : name(value)) }, ...lines],
      hooks: {
        drawAxes: [below(panel, colour, muted)],
        draw: [above(panel, colour)],
        // uPlot ignores scales that are set while it sets scales.
        setScale: [(u, key) => key === "x" && queueMicrotask(() => fit(u))],
        // The same line in the other panels of the figure.
        setSeries: [(u, place, { show }) => {
          if (place == null || show == null) return;
          fit(u);
          for (const other of all) {
            const same = other.series.findIndex((line, at) => at > 0 && line.label === u.series[place].label);
            if (other !== u && same > 0 && other.series[same].show !== show) other.setSeries(same, { show });
          }
        }],
      },
    }, [panel.places, ...panel.series.map((line) => line.y)], into);
    all.push(made);
    made.root.querySelectorAll(".u-legend .u-series th").forEach((label, place) => {
      if (place === 0) return;
      const line = panel.series[place - 1];
      label.prepend(swatch(line, colour(line)));
      label.tabIndex = 0;
      label.onkeydown = (event) => event.key === "Enter" && made.setSeries(place, { show: !made.series[place].show });
    });
  };

  document.querySelectorAll('figure > script[type="application/json"]').forEach((data, number) => {
    const figure = data.parentElement;
    const svg = figure.querySelector("svg");
    const { panels, diverged } = JSON.parse(data.textContent);
    const button = document.createElement("button");
    button.type = "button";
    const [into, hint] = [document.createElement("div"), document.createElement("p")];
    hint.className = "muted";
    hint.textContent = "Drag: zoom in. Double click: all again. Names in the legend: lines on and off.";
    // What the legend of the printed figure says of training that diverged.
    const missing = document.createElement("ul");
    missing.className = "diverged";
    const name = ({ colour, text }) => {
      const [item, mark] = [document.createElement("li"), document.createElement("span")];
      mark.textContent = "✕ ";
      mark.style.color = colour[Number(dark.matches)];
      item.append(mark, text);
      return item;
    };
    let plots = [];
    const show = (enlarged) => {
      plots.forEach((made) => made.destroy());
      plots = [];
      plots.key = `figure-${number}`;
      svg.style.display = enlarged ? "none" : "";
      into.hidden = hint.hidden = missing.hidden = !enlarged;
      missing.replaceChildren(...diverged.map(name));
      button.textContent = enlarged ? "Show the printed figure" : "Zoom and read values";
      button.setAttribute("aria-pressed", enlarged);
      if (!enlarged) return;
      panels.forEach((panel) => plot(panel, into, figure.clientWidth, plots));
    };
    button.onclick = () => show(into.hidden);
    svg.after(button, hint, missing, into);
    show(false);
    dark.addEventListener("change", () => into.hidden || show(true));
    let width = figure.clientWidth;
    new ResizeObserver(() => {
      if (figure.clientWidth === width) return;
      width = figure.clientWidth;
      plots.forEach((made) => made.setSize({ width, height: made.height }));
    }).observe(figure);
  });
})();
