/* Draws plots in place of the server's drawings, from the figures beside them, and lets people zoom: by dragging, wheel,
   two fingers, keys, links and the year below. The chosen period goes into the address, and the server draws it again in
   its own detail. `docs/reference/components.md` describes the component. */
"use strict";
(() => {
  const LEAST = 10, MOST = 7305 * 86400, SETTLED_MS = 250, NARROW = 574, SPOT = 4, NOW_ROOM = 34;
  // An incident reaches above the plot, so that its bar does not cover the top number of the axis.
  const ABOVE = 18, BAR = 4;
  // Charts by the name of the plot: their parts, and what the server sent.
  const charts = new Map();
  // The period that the reader chose, until the server's answer shows it; and the period without a choice.
  let chosen = null, whole = null, timer = 0;

  // Tokens may be functions of the colour scheme, so an element resolves them; they are kept until the scheme changes.
  const found = new Map();
  const colour = (name) => {
    if (!found.has(name)) {
      const probe = document.body.appendChild(document.createElement("i"));
      probe.style.color = `var(${name})`;
      found.set(name, getComputedStyle(probe).color);
      probe.remove();
    }
    return found.get(name);
  };
  const faded = (name, share) => colour(name).replace(/^rgb\((.*)\)$/, `rgba($1, ${share})`);
  const lineColour = (line) => colour(["--accent", "--s2", "--s3", "--s4"][line.colour - 1]);

  const view = (payload) => chosen || [payload.start, payload.end];
  // A line with the same times as an earlier one has that line's index instead.
  const parse = (box) => {
    const payload = JSON.parse(box.querySelector(":scope > script").textContent);
    for (const line of payload.lines) if (!Array.isArray(line.x)) line.x = payload.lines[line.x].x;
    return payload;
  };

  // The same round numbers as on the server.
  const stepOf = (least) => {
    const power = 10 ** Math.floor(Math.log10(least));
    return power * [1, 2, 2.5, 5, 10].find((each) => each * power >= least * 0.999);
  };
  const rangeOf = (low, high, zero) => {
    if (zero) { low = Math.min(low, 0); high = Math.max(high, 0); }
    const size = Math.max(Math.abs(high), Math.abs(low));
    if (!(high - low > Math.max(size * 1e-12, 1e-290))) { const pad = size > 1e-290 ? size * 0.1 : 1; [low, high] = low ? [low - pad, high + pad] : [0, 2 * pad]; }
    const step = stepOf((high - low) / 4);
    return [Math.floor(low / step) * step, Math.ceil(high / step) * step];
  };
  const ticksOf = (low, high) => {
    const step = stepOf((high - low) / 4 * 0.999), found = [];
    for (let n = Math.ceil(low / step - 1e-6); n * step <= high + step * 1e-6 && found.length < 12; n++) found.push(n * step);
    return found.length > 1 ? found : [low, high];
  };

  const words = (payload) => {
    const language = payload.language === "en" ? "en-GB" : payload.language;
    const format = (options) => {
      const made = new Intl.DateTimeFormat(language, { timeZone: payload.zone, hourCycle: "h23", ...options });
      return (seconds) => made.format(seconds * 1000);
    };
    const day = format({ day: "numeric", month: "short" }), number = new Intl.NumberFormat(language, { maximumSignificantDigits: 6 });
    const part = (each) => (each.type === "group" ? "\u202f" : each.type === "minusSign" ? "\u2212" : each.value);
    // A negative zero would be shown as "−0".
    const plain = (value) => number.formatToParts(value || 0).map(part).join("");
    return {
      day, plain, date: format({ day: "numeric" }), month: format({ month: "short" }), year: format({ year: "numeric" }),
      clock: format({ hour: "2-digit", minute: "2-digit" }), second: format({ hour: "2-digit", minute: "2-digit", second: "2-digit" }),
      exact: format({ day: "numeric", month: "short", year: "numeric", hour: "2-digit", minute: "2-digit", second: "2-digit" }),
      tick: (value) => {
        const [factor, prefix] = [[1e15, "P"], [1e12, "T"], [1e9, "G"], [1e6, "M"]].find(([size]) => Math.abs(value) >= size) || [1, ""];
        return plain(value / factor) + (prefix && `\u00a0${prefix}`);
      },
      quantity: (value, unit) => plain(value) + (unit && `\u00a0${unit}`),
    };
  };

  // Moments along the bottom: days once, then times; months with their year where it changes.
  const momentWords = (chart) => (u, splits, axis, space, step) => {
    const { say, payload } = chart;
    let before = "";
    return splits.map((at) => {
      // No label where "now" is written.
      if (Math.abs(u.valToPos(at, "x") - u.valToPos(payload.now, "x")) < NOW_ROOM) return null;
      const period = step >= 86400 ? (step >= 2419200 ? say.year(at) : say.month(at)) : say.day(at);
      const isNew = period !== before;
      before = period;
      if (step >= 2419200) return isNew ? `${say.month(at)} ${say.year(at)}` : say.month(at);
      if (step >= 86400) return isNew ? say.day(at) : say.date(at);
      const time = step >= 60 ? say.clock(at) : say.second(at);
      if (say.second(at).startsWith("00:00:00")) return say.day(at);
      return isNew ? `${say.day(at)} ${time}` : time;
    });
  };

  // Readings without neighbours: they would be invisible without a dot.
  const alone = (u, at, shown) => {
    if (shown) return null;
    const there = u.data[at].map((v, i) => i).filter((i) => u.data[at][i] !== undefined);
    const none = (n) => n < 0 || n >= there.length || u.data[at][there[n]] === null;
    return there.filter((i, n) => !none(n) && none(n - 1) && none(n + 1));
  };

  const tablesOf = (payload, pane) => pane.units.flatMap((unit) => unit.lines).map((place) => {
    const line = payload.lines[place];
    const times = line.x.map((x) => payload.start + x);
    return line.low ? [times, line.y, line.low, line.high] : [times, line.y];
  });
  // Include the ends of the period even without data there, so that the axis covers it.
  const dataOf = (payload, pane) => window.uPlot.join([[[payload.start, payload.end]], ...tablesOf(payload, pane)]);

  const seriesOf = (payload, pane) => {
    const series = [{}], bands = [];
    for (const unit of pane.units) for (const place of unit.lines) {
      const line = payload.lines[place], stroke = lineColour(line);
      series.push({
        label: line.label, scale: unit.side, stroke, width: 1.6, dash: line.dash ? [6, 3] : undefined,
        points: { size: SPOT, stroke, fill: stroke, filter: line.step ? () => [] : alone },
      });
      if (!line.low) continue;
      const edge = { scale: unit.side, stroke: "transparent", width: 1, points: { show: false } };
      series.push(edge, { ...edge });
      bands.push({ series: [series.length - 1, series.length - 2], fill: stroke.replace(/^rgb\((.*)\)$/, "rgba($1, .18)") });
    }
    return { series, bands };
  };

  const text = (u, said, x, y, fill, align = "left", weight = 400) => {
    const { ctx } = u, ratio = devicePixelRatio;
    ctx.font = `${weight} ${11 * ratio}px system-ui, sans-serif`;
    ctx.textAlign = align; ctx.textBaseline = "alphabetic"; ctx.lineJoin = "round"; ctx.lineWidth = 3 * ratio;
    ctx.strokeStyle = colour("--card"); ctx.strokeText(said, x, y);
    ctx.fillStyle = fill; ctx.fillText(said, x, y);
  };
  const rule = (u, x0, y0, x1, y1, stroke, width = 1, dash = []) => {
    const { ctx } = u, ratio = devicePixelRatio;
    ctx.beginPath(); ctx.setLineDash(dash.map((n) => n * ratio)); ctx.lineWidth = width * ratio; ctx.strokeStyle = stroke;
    ctx.moveTo(x0, y0); ctx.lineTo(x1, y1); ctx.stroke(); ctx.setLineDash([]);
  };
  const hatch = (ctx) => {
    const tile = document.createElement("canvas"), size = Math.round(6 * devicePixelRatio);
    tile.width = tile.height = size;
    const pen = tile.getContext("2d");
    pen.strokeStyle = colour("--ink3"); pen.lineWidth = devicePixelRatio;
    pen.moveTo(0, size); pen.lineTo(size, 0); pen.stroke();
    return ctx.createPattern(tile, "repeat");
  };

  // Behind the lines: nights, incidents, our own downtime.
  const drawBands = (chart, isFirst) => (u) => {
    const { ctx, bbox } = u, ratio = devicePixelRatio;
    const look = { night: () => faded("--ink", 0.05), incident: () => faded("--bad", 0.09), down: () => hatch(ctx) };
    for (const band of chart.payload.bands) {
      if (!look[band.kind]) continue;
      const from = Math.max(u.valToPos(band.start, "x", true), bbox.left);
      const to = Math.min(u.valToPos(band.end, "x", true), bbox.left + bbox.width);
      if (from >= to) continue;
      const width = Math.max(to - from, 1.5 * ratio);
      ctx.fillStyle = look[band.kind]();
      const isTall = band.kind === "incident" && isFirst, above = isTall ? ABOVE * ratio : 0;
      ctx.fillRect(from, bbox.top - above, width, above + bbox.height + chart.payload.between * ratio / 2);
      if (!isTall) continue;
      ctx.fillStyle = colour("--bad");
      ctx.fillRect(from, bbox.top - above, width, BAR * ratio);
    }
  };

  // In front of the lines: numbers, limits, deployments, the present, and marks of single values.
  const drawMarks = (chart, pane, isFirst, isLast) => (u) => {
    const { ctx, bbox } = u, ratio = devicePixelRatio, { payload, say } = chart;
    const right = bbox.left + bbox.width, bottom = bbox.top + bbox.height;
    const inside = (x) => x >= bbox.left && x <= right;
    ctx.save();
    for (const band of payload.bands) {
      const x = u.valToPos(band.start, "x", true);
      if (band.kind !== "deployment" || !inside(x)) continue;
      rule(u, x, isFirst ? bbox.top - 14 * ratio : bbox.top, x, bottom, colour("--ink2"), 1, [4, 3]);
      const isEnd = x > bbox.left + bbox.width * 0.8;
      if (isFirst) text(u, band.words.slice(0, 20), x + (isEnd ? -5 : 5) * ratio, bbox.top - 9 * ratio, colour("--ink3"), isEnd ? "right" : "left");
    }
    for (const unit of pane.units) {
      const { min, max } = u.scales[unit.side], isLeft = unit.side === "left", ticks = ticksOf(min, max);
      ticks.forEach((tick, n) => {
        const said = say.tick(tick) + (n === ticks.length - 1 && unit.unit ? `\u00a0${unit.unit}` : "");
        const x = isLeft ? bbox.left + 3 * ratio : right - 3 * ratio;
        text(u, said, x, u.valToPos(tick, unit.side, true) - 3 * ratio, colour("--ink3"), isLeft ? "left" : "right");
      });
      for (const place of unit.lines) drawLineMarks(u, payload, payload.lines[place], unit, inside);
    }
    const now = u.valToPos(payload.now, "x", true);
    if (inside(now)) {
      rule(u, now, isFirst ? bbox.top - 8 * ratio : bbox.top, now, bottom, colour("--accent"), 1.5);
      const isAtEdge = now > ctx.canvas.width - 14 * ratio;
      if (isLast) text(u, payload.words.now, now, bottom + 15 * ratio, colour("--accent"), isAtEdge ? "right" : "center", 600);
    }
    drawNames(u, chart, pane);
    ctx.restore();
  };
  const drawLineMarks = (u, payload, line, unit, inside) => {
    const { ctx, bbox } = u, ratio = devicePixelRatio, { min, max } = u.scales[unit.side];
    const each = (spots, draw) => spots.forEach(([at, value]) => {
      const x = u.valToPos(payload.start + at, "x", true), y = u.valToPos(Math.min(Math.max(value, min), max), unit.side, true);
      if (inside(x)) draw(x, y);
    });
    if (line.limit && line.limit[0] >= min && line.limit[0] <= max) {
      const y = u.valToPos(line.limit[0], unit.side, true);
      rule(u, bbox.left, y, bbox.left + bbox.width, y, colour("--warn"), 1, [5, 4]);
      text(u, line.limit[1], bbox.left + 40 * ratio, y - 3 * ratio, colour("--warn"));
    }
    ctx.fillStyle = lineColour(line).replace(/^rgb\((.*)\)$/, "rgba($1, .35)");
    each(line.late, (x, y) => { ctx.beginPath(); ctx.arc(x, y, 3.5 * ratio, 0, 7); ctx.fill(); });
    ctx.fillStyle = colour("--card"); ctx.strokeStyle = colour("--warn"); ctx.lineWidth = 1.5 * ratio;
    each(line.doubted, (x, y) => {
      ctx.beginPath(); ctx.moveTo(x, y - 5 * ratio); ctx.lineTo(x + 5 * ratio, y + 4 * ratio);
      ctx.lineTo(x - 5 * ratio, y + 4 * ratio); ctx.closePath(); ctx.fill(); ctx.stroke();
    });
  };
  // Names at the ends of the lines, without overlap.
  const drawNames = (u, chart, pane) => {
    if (chart.share === 1) return;
    const ratio = devicePixelRatio, gap = 13 * ratio, { bbox, ctx } = u, ends = [];
    const room = ctx.canvas.width - bbox.left - bbox.width - 10 * ratio;
    ctx.font = `600 ${11 * ratio}px system-ui, sans-serif`;
    for (const unit of pane.units) for (const place of unit.lines) {
      const line = chart.payload.lines[place], last = line.y.findLast((v) => v !== null);
      if (last === undefined) continue;
      const y = Math.min(Math.max(u.valToPos(last, unit.side, true), bbox.top), bbox.top + bbox.height);
      const value = chart.say.quantity(last, line.unit);
      let label = line.label, said = `${label} ${value}`;
      while (label.length > 6 && ctx.measureText(said).width > room) {
        label = label.slice(0, -1);
        said = `${label.trimEnd()}… ${value}`;
      }
      ends.push({ y, line, said });
    }
    ends.sort((a, b) => a.y - b.y);
    for (let n = 1; n < ends.length; n++) ends[n].y = Math.max(ends[n].y, ends[n - 1].y + gap);
    let limit = bbox.top + bbox.height;
    for (const end of ends.reverse()) { end.y = Math.min(end.y, limit); limit = end.y - gap; }
    for (const end of ends) text(u, end.said, bbox.left + bbox.width + 7 * ratio, end.y + 4 * ratio, lineColour(end.line), "left", 600);
  };

  const optionsOf = (chart, pane, place) => {
    const { payload, say } = chart, isFirst = place === 0, isLast = place === payload.panes.length - 1;
    const above = isFirst ? payload.top : payload.between / 2, below = isLast ? payload.foot : payload.between / 2;
    const width = chart.box.clientWidth, line = { stroke: colour("--line"), width: 1 };
    const scales = { x: { range: () => view(chart.payload) } };
    const axes = [{
      stroke: colour("--ink3"), font: "11px system-ui, sans-serif", size: isLast ? payload.foot : 0, gap: 5, space: 60,
      grid: line, ticks: { show: false }, values: isLast ? momentWords(chart) : (u, splits) => splits.map(() => null),
    }];
    for (const unit of pane.units) {
      scales[unit.side] = {
        range: (u, low, high) => {
          const [start, end] = view(chart.payload), { scale } = chart.payload.panes[place].units.find((one) => one.side === unit.side);
          const isServers = start === chart.payload.start && end === chart.payload.end;
          return isServers || low === null || low === undefined ? [scale.low, scale.high] : rangeOf(low, high, scale.zero);
        },
      };
      axes.push({
        scale: unit.side, side: unit.side === "left" ? 3 : 1, size: 0, ticks: { show: false }, grid: unit.side === "left" ? line : { show: false },
        splits: (u, axis, low, high) => ticksOf(low, high), values: (u, splits) => splits.map(() => null),
      });
    }
    return {
      width, height: above + pane.height + below, padding: [above, Math.round(width * (1 - chart.share)), isLast ? 0 : below, 0],
      tzDate: (at) => window.uPlot.tzDate(new Date(at * 1000), payload.zone === "UTC" ? "Etc/UTC" : payload.zone),
      scales, axes, ...seriesOf(payload, pane), legend: { show: false },
      cursor: {
        y: false, points: { show: false }, sync: { key: "roost" }, drag: { x: true, y: false, setScale: false },
        bind: { dblclick: () => () => { zoomTo(null); return null; } },
      },
      hooks: {
        drawClear: [drawBands(chart, isFirst)], draw: [drawMarks(chart, pane, isFirst, isLast)], setCursor: [(u) => tell(chart, u, isFirst)],
        setSelect: [(u) => {
          const { left, width: dragged } = u.select;
          if (dragged < 4) return;
          u.setSelect({ left: 0, width: 0, top: 0, height: 0 }, false);
          zoomTo([u.posToVal(left, "x"), u.posToVal(left + dragged, "x")]);
        }],
      },
    };
  };

  // The values under the cursor.
  const nearest = (line, at, reach) => {
    let found = null;
    line.x.forEach((x, n) => { if (line.y[n] !== null && (!found || Math.abs(x - at) < Math.abs(line.x[found.n] - at))) found = { n }; });
    return found && Math.abs(line.x[found.n] - at) <= reach ? found.n : -1;
  };
  const tell = (chart, u, isFirst) => {
    if (!isFirst) return;
    const { tip, payload, say } = chart, { left } = u.cursor;
    tip.hidden = left === undefined || left < 0;
    if (tip.hidden) return;
    const at = u.posToVal(left, "x"), reach = Math.abs(u.posToVal(left + 20, "x") - at);
    const rows = [say.exact(at)];
    for (const line of payload.lines) {
      const n = nearest(line, at - payload.start, Math.max(reach, line.step));
      if (n < 0) continue;
      const span = line.low && line.low[n] !== null ? ` (${say.plain(line.low[n])}–${say.quantity(line.high[n], line.unit)})` : "";
      rows.push(`${line.label} ${say.quantity(line.y[n], line.unit)}${span}`);
    }
    for (const band of payload.bands) {
      const isHere = band.kind === "deployment" ? Math.abs(band.start - at) < reach : band.start <= at && at <= band.end;
      if (band.kind !== "night" && isHere) rows.push(band.words);
    }
    tip.replaceChildren(...rows.map((said) => { const row = document.createElement("div"); row.textContent = said; return row; }));
    const over = left > u.over.clientWidth / 2;
    tip.style.left = over ? "" : `${left + 12}px`;
    tip.style.right = over ? `${chart.panes.clientWidth - left + 12}px` : "";
  };

  const make = (box, payload) => {
    const panes = box.querySelector(":scope > .panes");
    panes.hidden = false;
    const tip = document.createElement("div");
    tip.className = "tip"; tip.hidden = true;
    const chart = { box, panes, tip, payload, say: words(payload), share: box.clientWidth < NARROW ? 1 : payload.share / 100, plots: [] };
    panes.replaceChildren(tip);
    chart.plots = payload.panes.map((pane, place) => new window.uPlot(optionsOf(chart, pane, place), dataOf(payload, pane), panes));
    listen(chart);
    charts.set(box.dataset.plot, chart);
  };
  const shapeOf = (payload) => JSON.stringify([
    payload.zone, payload.language, payload.panes.map((pane) => pane.units.map((unit) => [unit.unit, unit.lines])),
    payload.lines.map((line) => [line.label, Boolean(line.low), line.step]),
  ]);

  const update = (box) => {
    if (!window.uPlot) return;
    const payload = parse(box), old = charts.get(box.dataset.plot);
    // For the whole period only the length is compared: its end moves on.
    const isThere = chosen && (chosen === whole
      ? Math.abs(payload.end - payload.start - chosen[1] + chosen[0]) < 1
      : Math.abs(payload.start - chosen[0]) < 0.01 && Math.abs(payload.end - chosen[1]) < 0.01);
    if (isThere) chosen = null;
    if (!chosen && !new URLSearchParams(location.search).has("start")) whole = [payload.start, payload.end];
    for (const each of box.querySelectorAll(".scripted")) each.hidden = false;
    if (old && old.panes.isConnected && shapeOf(old.payload) === shapeOf(payload)) {
      Object.assign(old, { box, payload });
      old.plots.forEach((u, place) => { u.setData(dataOf(payload, payload.panes[place])); u.syncRect(true); });
    } else {
      if (old) old.plots.forEach((u) => u.destroy());
      make(box, payload);
    }
    charts.get(box.dataset.plot).panes.setAttribute("aria-label", box.querySelector(":scope > svg").getAttribute("aria-label"));
    markYear(box, view(payload));
  };

  // Zooming: draw at once, then write the address, then ask the server for its own detail.
  const zoomTo = (period) => {
    if (period) {
      const middle = (period[0] + period[1]) / 2, half = Math.min(Math.max((period[1] - period[0]) / 2, LEAST / 2), MOST / 2);
      // Milliseconds, as in the address.
      chosen = [middle - half, middle + half].map((at) => Math.round(at * 1000) / 1000);
    } else {
      chosen = whole;
    }
    for (const { plots, box } of charts.values()) {
      for (const u of plots) u.setData(u.data);
      if (chosen) markYear(box, chosen);
    }
    clearTimeout(timer);
    timer = setTimeout(settle, SETTLED_MS, period ? chosen : null);
  };
  const settle = (period) => {
    const address = new URL(location.href), { searchParams } = address;
    for (const name of ["start", "end", "until", "page", "after"]) searchParams.delete(name);
    if (period) ["start", "end"].forEach((name, n) => searchParams.set(name, new Date(period[n] * 1000).toISOString()));
    history.replaceState(history.state, "", address);
    if (document.dispatchEvent(new Event("roost:ask", { cancelable: true }))) location.reload();
  };
  const current = () => view([...charts.values()][0].payload);
  const grow = (factor, anchor = 0.5) => {
    const [start, end] = current(), at = start + (end - start) * anchor;
    zoomTo([at - (at - start) * factor, at + (end - at) * factor]);
  };
  const move = (share) => { const [start, end] = current(); zoomTo([start + (end - start) * share, end + (end - start) * share]); };
  const acts = {
    closer: () => grow(0.5), wider: () => grow(2), earlier: () => move(-1), later: () => move(1),
    whole: () => { zoomTo(null); [...charts.values()][0].panes.focus({ preventScroll: true }); },
  };
  const keys = { "+": acts.closer, "=": acts.closer, "-": acts.wider, "−": acts.wider, ArrowLeft: () => move(-0.25), ArrowRight: () => move(0.25), 0: () => zoomTo(null) };

  const listened = new WeakSet();
  const listen = ({ panes, box }) => {
    if (listened.has(panes)) return;
    listened.add(panes);
    const chart = () => charts.get(box.dataset.plot);
    const place = (x) => { const over = chart().plots[0].over.getBoundingClientRect(); return (x - over.left) / over.width; };
    panes.addEventListener("keydown", (event) => {
      if (event.ctrlKey || event.metaKey || event.altKey || !keys[event.key]) return;
      event.preventDefault();
      keys[event.key]();
    });
    // Until somebody clicks into the plot or holds a modifier, the wheel scrolls the page.
    panes.addEventListener("wheel", (event) => {
      if (!event.ctrlKey && !event.metaKey && !event.shiftKey && document.activeElement !== panes) return;
      event.preventDefault();
      grow(Math.exp((event.deltaY || event.deltaX) * 0.0015), Math.min(Math.max(place(event.clientX), 0), 1));
    }, { passive: false });
    const fingers = new Map();
    let held = null;
    const hold = () => { held = { period: current(), places: [...fingers.values()].map(place) }; };
    panes.addEventListener("pointerdown", (event) => {
      panes.focus({ preventScroll: true });
      if (event.pointerType !== "touch") return;
      fingers.set(event.pointerId, event.clientX);
      hold();
    });
    panes.addEventListener("pointermove", (event) => {
      if (!fingers.has(event.pointerId)) return;
      fingers.set(event.pointerId, event.clientX);
      const [start, end] = held.period, length = end - start, before = held.places, after = [...fingers.values()].map(place);
      if (after.length === 1 && Math.abs(after[0] - before[0]) > 0.03) zoomTo([start - (after[0] - before[0]) * length, end - (after[0] - before[0]) * length]);
      if (after.length !== 2 || Math.abs(after[1] - after[0]) < 0.03) return;
      const grown = length * (before[1] - before[0]) / (after[1] - after[0]), first = start + before[0] * length - after[0] * grown;
      if (grown > 0) zoomTo([first, first + grown]);
    });
    for (const name of ["pointerup", "pointercancel"]) panes.addEventListener(name, (event) => { if (fingers.delete(event.pointerId)) hold(); });
  };

  document.addEventListener("click", (event) => {
    const link = event.target.closest && event.target.closest("a[data-zoom]");
    if (!link || !charts.size || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    acts[link.dataset.zoom]();
  });

  // The year under a plot: drag over a part of it, or click to look there.
  const markYear = (box, [start, end]) => {
    const year = box.querySelector("svg.year"), mark = year && year.querySelector(".win");
    if (!mark) return;
    const from = Number(year.dataset.start), length = Number(year.dataset.end) - from;
    const left = Math.min(Math.max((start - from) / length, 0), 1), right = Math.min(Math.max((end - from) / length, 0), 1);
    mark.setAttribute("x", `${left * 100}%`);
    mark.setAttribute("width", `${Math.max(right - left, 0.003) * 100}%`);
  };
  document.addEventListener("pointerdown", (event) => {
    const year = event.target.closest && event.target.closest("svg.year");
    if (!year || !charts.size) return;
    event.preventDefault();
    const box = year.getBoundingClientRect(), from = Number(year.dataset.start), length = Number(year.dataset.end) - from;
    const at = (x) => from + Math.min(Math.max((x - box.left) / box.width, 0), 1) * length;
    const first = event.clientX;
    let isDragged = false;
    const drag = (moved) => {
      isDragged ||= Math.abs(moved.clientX - first) > 4;
      if (isDragged) zoomTo([at(first), at(moved.clientX)].sort((a, b) => a - b));
    };
    const end = () => {
      document.removeEventListener("pointermove", drag);
      if (isDragged) return;
      const [start, stop] = current(), half = (stop - start) / 2;
      zoomTo([at(first) - half, at(first) + half]);
    };
    document.addEventListener("pointermove", drag);
    document.addEventListener("pointerup", end, { once: true });
    document.addEventListener("pointercancel", () => document.removeEventListener("pointermove", drag), { once: true });
  });

  // Turn the file of the drawing into a PNG.
  document.addEventListener("click", async (event) => {
    const button = event.target.closest && event.target.closest("button[data-png]");
    if (!button) return;
    const drawing = await (await fetch(button.dataset.png)).text();
    const image = new Image();
    image.src = `data:image/svg+xml;charset=utf-8,${encodeURIComponent(drawing)}`;
    await image.decode();
    const canvas = document.createElement("canvas");
    canvas.width = image.naturalWidth * 2; canvas.height = image.naturalHeight * 2;
    canvas.getContext("2d").drawImage(image, 0, 0, canvas.width, canvas.height);
    const link = document.createElement("a");
    link.href = canvas.toDataURL("image/png");
    link.download = button.dataset.name;
    link.click();
  });

  const all = () => {
    for (const [name, chart] of charts) if (!document.getElementById(name)) { chart.plots.forEach((u) => u.destroy()); charts.delete(name); }
    document.querySelectorAll("[data-plot]").forEach(update);
  };
  const again = () => { found.clear(); for (const chart of charts.values()) chart.plots.forEach((u) => u.destroy()); charts.clear(); all(); };
  let waiting = 0;
  window.addEventListener("resize", () => { clearTimeout(waiting); waiting = setTimeout(again, 150); });
  window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", again);
  document.addEventListener("htmx:afterSettle", all);
  all();
})();
