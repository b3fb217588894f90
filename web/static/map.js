/* Puts a map that can be moved over the one that the server drew: the same pins, tracks and antennas, on the ground that
   comes with Roost or on the tiles that an operator named; and on forms, a mark to place. */
"use strict";
(() => {
  const box = document.querySelector(".map[data-map]");
  if (!box || !window.L) return;
  const told = JSON.parse(box.dataset.map);
  const stage = box.appendChild(document.createElement("div"));
  stage.id = "map-stage";
  stage.className = "stage";
  stage.setAttribute("role", "region");
  stage.setAttribute("aria-label", told.label);
  box.classList.add("lively");
  const map = L.map(stage, {
    zoomControl: false, worldCopyJump: true, minZoom: 1, maxZoom: 18, zoomSnap: told.tiles.url || told.tiles.file ? 1 : 0.5,
    attributionControl: Boolean(told.tiles.url || told.tiles.file),
  });
  map.attributionControl?.setPrefix(false);
  L.control.zoom({ position: "bottomright", zoomInTitle: told.words.nearer, zoomOutTitle: told.words.farther }).addTo(map);
  L.control.scale({ imperial: false }).addTo(map);
  const [west, south, east, north] = told.bounds;
  if (told.at) map.setView(told.at, told.zoom);
  else map.fitBounds([[south, west], [north, east]], { maxZoom: 10, animate: false });

  const element = (name, className, text) => {
    const made = document.createElement(name);
    made.className = className || "";
    made.textContent = text || "";
    return made;
  };
  const drawing = (name, values) => {
    const made = document.createElementNS("http://www.w3.org/2000/svg", name);
    for (const [key, value] of Object.entries(values)) made.setAttribute(key, value);
    return made;
  };
  const shape = (name) => {
    const made = drawing("svg", { class: "i", "aria-hidden": "true" });
    made.append(drawing("use", { href: `${told.sprite}#${name}` }));
    return made;
  };
  const link = (name, address) => {
    if (!address) return element("b", "", name);
    const made = element("a", "", name);
    made.href = address;
    return made;
  };

  // The ground, or an operator's tiles. If tiles fail to load, the ground is shown.
  let ground = null;
  const groundShow = () => { ground = ground || window.roostGround(map, told); ground.pinned(labelled); };
  let labelled = [];
  const tilesShow = (layer) => layer.on("tileerror", groundShow).addTo(map);
  // Some tile servers answer only if they learn which site asks; they learn no more than that.
  const known = { maxZoom: 18, referrerPolicy: "origin" };
  // Leaflet takes the credit as HTML, so escape it.
  const named = (words) => ({ ...known, attribution: element("i", "", words).innerHTML });
  if (told.tiles.url) tilesShow(L.tileLayer(told.tiles.url, named(told.attribution)));
  else if (told.tiles.file && window.pmtiles) {
    const file = new pmtiles.PMTiles(told.tiles.file);
    // Kind 1 is vector tiles, which this map does not draw.
    Promise.all([file.getHeader(), file.getMetadata()]).then(([head, said]) => {
      if (head.tileType === 1) throw new Error("vector tiles");
      // The file has its credit as HTML; only the text of it is shown.
      const words = new DOMParser().parseFromString(said?.attribution || "", "text/html").body.textContent;
      tilesShow(pmtiles.leafletRasterLayer(file, { ...named(told.attribution || words), maxNativeZoom: head.maxZoom }));
    }).catch(groundShow);
  } else groundShow();

  const pins = L.layerGroup().addTo(map);
  const pinShow = (pin) => {
    const at = [pin.lat, pin.lon], mark = element("span", "pin");
    if (pin.groups) {
      mark.className = "pin pill";
      for (const { kind, shape: name, count } of pin.groups) {
        const part = element("span", kind);
        part.append(shape(name), element("b", "", String(count)));
        mark.append(part);
      }
      if (pin.more) mark.append(element("b", "", `+${pin.more}`));
    } else {
      mark.className = `pin ${pin.kind}`;
      mark.append(shape(pin.shape));
      if (pin.radius) pins.addLayer(L.circle(at, { radius: pin.radius, className: "blur", interactive: false }));
    }
    const icon = L.divIcon({ html: mark, className: "spot", iconSize: [44, 44] });
    const marker = L.marker(at, { icon, title: pin.words, alt: pin.words, riseOnHover: true }).addTo(pins);
    // Leaflet gives `alt` to images only.
    marker.getElement()?.setAttribute("aria-label", pin.words);
    const popup = element("div", "popped");
    for (const one of pin.pins || [pin]) {
      const line = element("p", one.kind);
      line.append(shape(one.shape), link(one.name, one.address));
      if (one.note) line.append(` ${one.note}`);
      popup.append(line);
    }
    if (pin.left) popup.append(element("p", "hint", told.words.more.replace("{n}", pin.left)));
    const spread = pin.bounds && L.latLngBounds(pin.bounds);
    const isSpread = spread && map.getZoom() < 16 && !spread.getSouthWest().equals(spread.getNorthEast(), 1e-4);
    const open = () => map.fitBounds(spread.pad(0.3), { maxZoom: 16 });
    if (isSpread) marker.on("click", open).on("keypress", (event) => event.originalEvent.key === "Enter" && open());
    else marker.bindPopup(popup);
    return { at, half: pin.groups ? 14 + 16 * pin.groups.length : 12, text: pin.groups ? "" : pin.name };
  };
  const pinsShow = (found) => {
    // A popup that somebody reads stays.
    if (map._popup && map._popup.isOpen()) return;
    const focused = document.activeElement?.closest(".spot")?.getAttribute("aria-label");
    pins.clearLayers();
    labelled = found.map(pinShow);
    if (focused) stage.querySelector(`.spot[aria-label="${CSS.escape(focused)}"]`)?.focus({ preventScroll: true });
    ground?.pinned(labelled);
  };

  let asked = null;
  const pinsAsk = () => {
    asked?.abort();
    asked = new AbortController();
    const middle = map.getCenter().wrap(), size = map.getSize();
    const address = new URL(told.pins, location.href);
    const at = `${middle.lat.toFixed(5)},${middle.lng.toFixed(5)},${map.getZoom()}`;
    for (const [key, value] of Object.entries({ at, width: size.x, height: size.y })) address.searchParams.set(key, value);
    fetch(address, { signal: asked.signal, headers: { Accept: "application/json" } })
      .then((answer) => (answer.ok ? answer.json() : Promise.reject(new Error(answer.status))))
      .then((answer) => pinsShow(answer.pins.map((pin) => {
        // Move each pin to the copy of the earth that is in view.
        const turn = 360 * Math.round((map.getCenter().lng - pin.lon) / 360);
        return { ...pin, lon: pin.lon + turn };
      })))
      .catch(() => {});
    return at;
  };
  if (told.pins) {
    let isFirst = true;
    map.on("moveend", () => {
      const at = pinsAsk();
      if (isFirst || !told.kept) return void (isFirst = false);
      // The view is in the address, so that it can be shared and comes back with the back button.
      const here = new URL(location.href);
      here.searchParams.set("at", at);
      history.replaceState(history.state, "", here);
    });
    document.addEventListener("htmx:afterSwap", pinsAsk);
    // Get what changed while somebody read a popup.
    map.on("popupclose", pinsAsk);
    map.fire("moveend");
  } else pinsShow(told.points || []);

  for (const { lat, lon, path, words } of told.beams || []) {
    const drawn = drawing("svg", { viewBox: "-66 -66 132 132", class: "beams", "aria-hidden": "true" });
    drawn.append(drawing("path", { class: "beam", d: path }));
    L.marker([lat, lon], { icon: L.divIcon({ html: drawn, className: "", iconSize: [132, 132] }), interactive: false, keyboard: false, title: words }).addTo(map);
  }
  if (told.apart?.length) L.polyline(told.apart, { className: "apart", interactive: false }).addTo(map);
  const track = told.track || [];
  if (track.length > 1) L.polyline(track.map(([lat, lon]) => [lat, lon]), { className: "track", interactive: false }).addTo(map);
  track.forEach(([lat, lon, words], place) => {
    // Light is early and dark is late, to show the direction.
    const opacity = 0.25 + (0.75 * (place + 1)) / track.length;
    L.circleMarker([lat, lon], { className: "fix", weight: 1, radius: 4, opacity, fillOpacity: opacity }).bindTooltip(words).addTo(map);
  });

  // A form with coordinates: click, drag, type, or take the phone's own position.
  if (!told.edit) return;
  const fields = ["latitude", "longitude"].map((name) => document.querySelector(`#${told.edit}_${name}`));
  if (fields.some((field) => !field)) return;
  const typed = () => fields.map((field) => (field.value.trim() ? Number(field.value.replace(",", ".")) : NaN));
  let marker = null;
  const place = (at) => {
    if (marker) return void marker.setLatLng(at);
    const mark = element("span", "pin placing");
    mark.append(shape("pin"));
    const icon = L.divIcon({ html: mark, className: "spot", iconSize: [44, 44] });
    marker = L.marker(at, { icon, draggable: true, autoPan: true, title: told.words.drag, alt: told.words.drag }).addTo(map);
    marker.on("dragend", () => take(marker.getLatLng()));
    // The mark replaces the pin of this place; on a map of many places the pins stay.
    if (!told.pins) pins.remove();
  };
  const take = (at) => {
    const { lat, lng } = L.latLng(at).wrap();
    [lat, lng].forEach((value, number) => { fields[number].value = value.toFixed(5).replace(".", told.mark); });
    place(at);
  };
  const follow = () => {
    const [lat, lon] = typed();
    if (Math.abs(lat) > 90 || Math.abs(lon) > 180 || Number.isNaN(lat + lon)) return;
    place([lat, lon]);
    if (!map.getBounds().contains([lat, lon])) map.panTo([lat, lon]);
  };
  if (!Number.isNaN(typed()[0] + typed()[1])) place(typed());
  map.on("click", (event) => take(event.latlng));
  for (const field of fields) field.addEventListener("change", follow);

  const row = document.querySelector("[data-locate]"), said = row?.querySelector("[role=status]");
  if (!row || !navigator.geolocation || !window.isSecureContext) return;
  row.hidden = false;
  row.querySelector("button").addEventListener("click", () => {
    said.textContent = told.words.searching;
    navigator.geolocation.getCurrentPosition(({ coords }) => {
      take([coords.latitude, coords.longitude]);
      map.setView([coords.latitude, coords.longitude], Math.max(map.getZoom(), 13));
      said.textContent = told.words.found.replace("{m}", Math.ceil(coords.accuracy));
    }, () => { said.textContent = told.words.refused; }, { enableHighAccuracy: true, timeout: 20000, maximumAge: 0 });
  });
})();
