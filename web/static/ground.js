/* The ground of a Leaflet map: land, shores, rivers and borders from the cells that were cut when the site was set up,
   and words placed so that none covers another. */
"use strict";
window.roostGround = (map, told) => {
  const shown = new Map(), kept = new Map();
  let index = null;
  map.createPane("ground").style.zIndex = 150;
  map.createPane("words").style.zIndex = 450;
  map.getPane("words").style.pointerEvents = "none";
  const renderer = L.svg({ pane: "ground", padding: 0.3 });
  const words = L.layerGroup().addTo(map);

  const read = (address) => fetch(address).then((answer) => {
    if (!answer.ok) throw new Error(`${answer.status} ${address}`);
    return answer.json();
  });

  // A line is written as its first point and then the difference to each next one.
  const points = (numbers, at) => {
    const found = [];
    for (let place = 0, east = 0, north = 0; place < numbers.length; place += 2) {
      east += numbers[place];
      north += numbers[place + 1];
      found.push(at(east, north));
    }
    return found;
  };

  // The shore is the edge of the land without the stretches along which it was cut.
  const shores = (numbers, at, edge) => {
    const lines = [], steps = points(numbers, (east, north) => [east, north]);
    let line = [];
    steps.forEach((to, place) => {
      const from = steps[place ? place - 1 : steps.length - 1];
      const isCut = [0, 1].some((axis) => from[axis] === to[axis] && (to[axis] === 0 || to[axis] === edge));
      if (isCut && line.length) { lines.push(line); line = []; }
      if (!isCut) { if (!line.length) line.push(at(...from)); line.push(at(...to)); }
    });
    if (line.length) lines.push(line);
    return lines;
  };

  const draw = (cell, level, west, south) => {
    const at = (east, north) => [Math.max(south + north / level.steps, -85.05), west + east / level.steps];
    const common = { renderer, pane: "ground", interactive: false };
    const lines = (some, className) => L.polyline(some, { ...common, weight: 1, className });
    const every = (name) => cell[name].map((numbers) => points(numbers, at));
    const edge = level.side * level.steps;
    const land = { ...common, className: "ground", stroke: false, fill: true, fillOpacity: 1 };
    return L.layerGroup([
      L.polygon(every("land"), land),
      lines(every("rivers"), "river"),
      lines(cell.land.flatMap((numbers) => shores(numbers, at, edge)), "shore"),
      lines(every("provinces"), "province"),
      lines(every("borders"), "border"),
    ]);
  };

  const namesOf = (cell, level, west, south) => {
    const at = (east, north) => L.latLng(south + north / level.steps, west + east / level.steps);
    return [
      ...cell.names.map(([east, north, zoom, kind, text]) => ({ at: at(east, north), zoom, kind, text, size: 0 })),
      ...cell.towns.map(([east, north, size, region, text]) =>
        ({ at: at(east, north), zoom: 0, kind: "town", text, size, region: cell.regions[region] })),
    ];
  };

  const wanted = () => {
    const zoom = map.getZoom(), bounds = map.getBounds().pad(0.05), found = new Map();
    const level = Object.values(index.levels).filter((one) => one.zoom <= zoom).sort((a, b) => b.zoom - a.zoom)[0];
    const has = new Set(level.cells), shift = level.side === 360 ? 180 : 0, number = (value) => Math.floor(value / level.side);
    for (let column = number(bounds.getWest() + shift); column <= number(bounds.getEast() + shift); column++) {
      for (let row = number(bounds.getSouth() + 90); row <= number(bounds.getNorth() + 90); row++) {
        const across = 360 / level.side, cell = `${((column % across) + across) % across}_${row}`;
        const place = { level, cell, west: column * level.side - shift, south: row * level.side - 90 };
        if (has.has(cell)) found.set(`${level.name} ${column} ${row}`, place);
      }
    }
    return found;
  };

  const update = async () => {
    if (!index) return;
    const now = wanted();
    await Promise.all([...now].map(async ([key, { level, cell, west, south }]) => {
      const address = `${told.cells}${level.name}-${cell}.${index.mark}.json`;
      if (!kept.has(address)) kept.set(address, read(address));
      const content = await kept.get(address).catch(() => { kept.delete(address); });
      if (!content || shown.has(key) || !wanted().has(key)) return;
      shown.set(key, { layer: draw(content, level, west, south).addTo(map), names: namesOf(content, level, west, south) });
    }));
    // The old ground goes only when the new one is there.
    const still = wanted();
    for (const [key, { layer }] of shown) if (!still.has(key)) { layer.remove(); shown.delete(key); }
    write();
  };

  // Words: first those of pins, then waters and countries or regions, then towns, the large ones first.
  let first = [];
  const write = () => {
    words.clearLayers();
    const size = map.getSize(), zoom = map.getZoom(), taken = [];
    const free = (box) => {
      if (box[0] < 2 || box[1] < 2 || box[2] > size.x - 2 || box[3] > size.y - 2) return false;
      if (taken.some((one) => box[0] < one[2] && box[2] > one[0] && box[1] < one[3] && box[3] > one[1])) return false;
      taken.push(box);
      return true;
    };
    const put = (text, kind, spots) => {
      const wide = text.length * 6.4 * (kind === "region" || kind === "country" ? 1.5 : 1) + 4;
      for (const [x, y, anchor] of spots) {
        const left = x - { start: 0, middle: wide / 2, end: wide }[anchor];
        if (!free([left, y - 12, left + wide, y + 4])) continue;
        const said = document.createElement("span");
        said.className = `word ${kind} ${anchor}`;
        said.textContent = text;
        const icon = L.divIcon({ html: said, className: "", iconSize: [0, 0] });
        const at = map.containerPointToLatLng([x, y]);
        words.addLayer(L.marker(at, { icon, pane: "words", interactive: false, keyboard: false }));
        return true;
      }
      return false;
    };
    const spot = (at) => map.latLngToContainerPoint(at);
    const isIn = (place) => place.x > 0 && place.y > 0 && place.x < size.x && place.y < size.y;
    for (const pin of first) {
      const { x, y } = spot(pin.at);
      taken.push([x - pin.half, y - 13, x + pin.half, y + 13]);
    }
    for (const pin of first) {
      const { x, y } = spot(pin.at);
      if (pin.text) put(pin.text, "pinned", [[x + 14, y + 4, "start"], [x, y - 17, "middle"], [x, y + 26, "middle"], [x - 14, y + 4, "end"]]);
    }
    const names = [...shown.values()].flatMap((one) => one.names).map((name) => ({ ...name, ...spot(name.at) })).filter(isIn);
    // A large lake has several places for its name, and is named once.
    const said = new Set();
    for (const name of names) {
      const isShown = name.kind === "sea" || (name.kind === "country" && zoom <= 5.5);
      if (!isShown || zoom < name.zoom - 0.5 || said.has(name.text)) continue;
      if (put(told.waters[name.text] || name.text, name.kind, [[name.x, name.y, "middle"]])) said.add(name.text);
    }
    const towns = names.filter((name) => name.kind === "town");
    if (zoom > 5.5) {
      const regions = new Map();
      for (const town of towns) if (town.region) regions.set(town.region, [...(regions.get(town.region) || []), town]);
      const mean = (here, axis) => here.reduce((sum, one) => sum + one[axis], 0) / here.length;
      for (const [region, here] of [...regions].sort((a, b) => b[1].length - a[1].length)) {
        if (here.length > 2) put(region, "region", [[mean(here, "x"), mean(here, "y"), "middle"]]);
      }
    }
    let placed = 0;
    for (const { x, y, text } of towns.sort((a, b) => b.size - a.size)) {
      if (placed === 16) break;
      if (put(text, "town", [[x, y - 5, "middle"], [x, y + 14, "middle"]])) {
        placed += 1;
        const icon = L.divIcon({ className: "dot", iconSize: [4, 4] });
        words.addLayer(L.marker(map.containerPointToLatLng([x, y]), { icon, pane: "words", interactive: false, keyboard: false }));
      }
    }
  };

  map.on("moveend", () => { write(); update(); });
  // The pins are visible without the ground, and everything is also in the table.
  if (told.ground) read(told.ground).then((found) => { index = found; return update(); }).catch(() => {});
  return { pinned: (pins) => { first = pins; write(); } };
};
