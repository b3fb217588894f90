/* Draws a table's figures above it: one line per column, gaps as gaps, doubted points as rings, late ones as squares.
   The x axis is the span that the page shows, or the part of it that somebody dragged over. */
"use strict";
(() => {
  const charts = new Map();
  // What each box shows: the page's period and the zoomed part. It survives replacing the plot and the table.
  const views = new Map();
  const viewOf = (box) => views.get(box) || views.set(box, { span: [0, 1], zoom: null }).get(box);
  const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const figure = (cell) => {
    const data = cell && cell.querySelector("data");
    return data ? Number(data.value) : null;
  };

  const seconds = (text) => Date.parse(text) / 1000;
  // Points without neighbours: they would be invisible without a dot.
  const alone = (u, at, shown) => {
    const values = u.data[at];
    const none = (i) => values[i] === null || values[i] === undefined;
    return shown ? null : values.reduce((found, v, i) => (!none(i) && none(i - 1) && none(i + 1) ? [...found, i] : found), []);
  };

  // Rows come from the page; a row of class "gap" breaks every line. `step` is the length of a step in seconds.
  const read = (table, step) => {
    const headings = [...table.tHead.rows[0].cells];
    const columns = headings.map((h, i) => i).filter((i) => i > 0 && table.querySelector(`tbody td:nth-child(${i + 1}) data`));
    const times = [], lines = columns.map(() => []), doubted = [], belated = [];
    const add = (time, value) => {
      times.push(time);
      lines.forEach((line) => line.push(value(line)));
      doubted.push(null);
      belated.push(null);
    };
    const endStep = () => { if (step && times.length) add(times[times.length - 1] + step - 0.002, (line) => line[line.length - 1]); };
    for (const row of [...table.tBodies[0].rows].reverse()) {
      if (row.classList.contains("gap")) {
        if (!times.length) continue;
        endStep();
        add(times[times.length - 1] + 0.001, () => null);
        continue;
      }
      const strange = row.classList.contains("suspicious");
      times.push(seconds(row.querySelector("time").dateTime));
      lines.forEach((line, i) => line.push(strange && i === 0 ? null : figure(row.cells[columns[i]])));
      doubted.push(strange ? figure(row.cells[columns[0]]) : null);
      belated.push(row.classList.contains("belated") ? figure(row.cells[columns[0]]) : null);
    }
    endStep();
    return { labels: columns.map((i) => headings[i].textContent), lines: [times, ...lines], extra: { suspicious: doubted, belated } };
  };

  // Days and hours in the local format; the date appears below where it changes.
  const day = "\n{YYYY}-{MM}-{DD}";
  const clock = [
    [31536000, "{YYYY}", null, null, null, null, null, null, 1], [2419200, "{YYYY}-{MM}", null, null, null, null, null, null, 1],
    [86400, "{MM}-{DD}", "\n{YYYY}", null, null, null, null, null, 1], [3600, "{HH}:00", day, null, day, null, null, null, 1],
    [60, "{HH}:{mm}", day, null, day, null, null, null, 1], [1, "{HH}:{mm}:{ss}", day, null, day, null, null, null, 1],
    [0.001, ":{ss}.{fff}", day, null, day, null, null, null, 1],
  ];

  const draw = (box) => {
    const table = document.getElementById(box.dataset.table);
    if (!table || !window.uPlot) return;
    const isSteps = box.dataset.kind === "steps";
    const found = read(table, isSteps ? 3600 : 0);
    const view = viewOf(box);
    view.span = [seconds(table.dataset.from), seconds(table.dataset.to)];
    const extra = Object.keys(found.extra).filter((name) => found.extra[name].some((v) => v !== null));
    const data = [...found.lines, ...extra.map((name) => found.extra[name])];
    const shape = [...found.labels, ...extra].join("|");
    const old = charts.get(box);
    if (old && old.shape === shape) return void old.plot.setData(data);
    if (old) old.plot.destroy();
    const unit = box.dataset.unit;
    const words = (u, v) => (v === null || v === undefined ? "–" : `${+v.toPrecision(6)}${unit ? " " + unit : ""}`);
    const steps = isSteps ? window.uPlot.paths.stepped({ align: 1 }) : undefined;
    const line = (label, i) => ({
      label, stroke: colour(`--plot-${(i % 6) + 1}`), width: i === 0 || steps ? 1.6 : 0.8, spanGaps: false,
      paths: steps, value: words, dash: !steps && i > 0 ? [4, 3] : undefined, points: { size: 4, filter: steps ? undefined : alone },
    });
    // Doubted points are separate rings; late ones are squares on their line.
    const squares = (u, at) => {
      const path = new Path2D(), size = 7 * window.devicePixelRatio;
      u.data[at].forEach((v, i) => {
        if (v === null || v === undefined) return;
        const x = u.valToPos(u.data[0][i], "x", true), y = u.valToPos(v, "y", true);
        path.rect(x - size / 2, y - size / 2, size, size);
      });
      return { stroke: path, fill: null };
    };
    const marks = {
      suspicious: () => ({
        label: box.dataset.suspicious, stroke: colour("--silent"), paths: () => null, value: words,
        points: { show: true, size: 8, width: 1.5, fill: "transparent", stroke: colour("--silent") },
      }),
      belated: () => ({
        label: box.dataset.belated, stroke: colour("--late"), width: 1.5, paths: squares, value: words, points: { show: false },
      }),
    };
    const axis = { stroke: colour("--soft"), grid: { stroke: colour("--line"), width: 1 }, ticks: { stroke: colour("--line") } };
    const series = [{ label: "UTC", value: "{YYYY}-{MM}-{DD} {HH}:{mm}:{ss}" }, ...found.labels.map(line), ...extra.map((name) => marks[name]())];
    const plot = new window.uPlot({
      width: box.clientWidth, height: 240, tzDate: (s) => window.uPlot.tzDate(new Date(s * 1000), "Etc/UTC"),
      series, axes: [{ ...axis, values: clock }, { ...axis, size: 60 }], scales: {
        x: { range: () => view.zoom || view.span },
        y: { range: (u, low, high) => {
          const pad = (high - low) * 0.08 || Math.abs(high) * 0.1 || 1;
          return [steps ? 0 : low - pad, high + pad];
        } },
      },
      legend: { live: true },
      cursor: { drag: { x: true, y: false, setScale: false }, bind: { dblclick: () => () => { zoom(box, null); return null; } } },
      hooks: { setSelect: [(u) => {
        const { left, width } = u.select;
        if (width < 4) return;
        u.setSelect({ left: 0, width: 0, top: 0, height: 0 }, false);
        zoom(box, [u.posToVal(left, "x"), u.posToVal(left + width, "x")]);
      }] },
    }, data, box);
    charts.set(box, { plot, shape });
    box.append(resetOf(box));
  };

  const zoom = (box, part) => {
    viewOf(box).zoom = part;
    const { plot } = charts.get(box);
    plot.setData(plot.data);
    const button = resetOf(box);
    const hadFocus = document.activeElement === button;
    button.hidden = !part;
    if (hadFocus && !part) { box.tabIndex = -1; box.focus({ preventScroll: true }); }
  };
  const resetOf = (box) => {
    let button = box.querySelector("button.reset");
    if (button) return button;
    button = document.createElement("button");
    button.type = "button"; button.className = "plain reset"; button.hidden = true;
    button.textContent = box.dataset.reset;
    button.addEventListener("click", () => zoom(box, null));
    return button;
  };

  const all = () => document.querySelectorAll(".chart[data-table]").forEach(draw);
  const again = () => { for (const [box, { plot }] of charts) { plot.destroy(); charts.delete(box); } all(); };
  let waiting = 0;
  window.addEventListener("resize", () => { clearTimeout(waiting); waiting = setTimeout(again, 150); });
  window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", again);
  document.addEventListener("htmx:afterSettle", all);
  all();
})();
