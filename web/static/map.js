/* Draws the places of a page on the outlines of the land: points, and circles where a place is told only roughly. */
"use strict";
(() => {
  const box = document.getElementById("map");
  if (!box || !window.L) return;
  const points = JSON.parse(box.dataset.points);
  const ink = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  box.hidden = false;
  const map = L.map(box, { preferCanvas: true, worldCopyJump: true, attributionControl: false, minZoom: 1, maxZoom: 18 });
  const where = points.map((point) => [point.lat, point.lon]);
  // Without tiles a place inland is a point on grey: so much is shown that some coast is in it.
  const far = Math.floor(Math.log2((box.clientWidth * 360) / 256 / 30));
  if (where.length) map.fitBounds(L.latLngBounds(where).pad(0.3), { maxZoom: box.dataset.tiles ? 10 : Math.max(far, 2) });
  else map.setView([20, 0], 1);
  L.control.scale({ imperial: false }).addTo(map);

  if (box.dataset.tiles) L.tileLayer(box.dataset.tiles, { maxZoom: 18 }).addTo(map);
  fetch(box.dataset.land)
    .then((answer) => answer.json())
    .then((land) => {
      const outline = topojson.feature(land, land.objects.land);
      L.geoJSON(outline, {
        interactive: false,
        style: { color: ink("--soft"), weight: 1, fillColor: ink("--line"), fillOpacity: box.dataset.tiles ? 0 : 0.6 },
      }).addTo(map).bringToBack();
    })
    // The points stand without their land, and in the table.
    .catch(() => {});

  for (const point of points) {
    const style = { color: ink("--asleep"), weight: 2, fillOpacity: 0.5, radius: 6 };
    const drawn = point.radius
      ? L.circle([point.lat, point.lon], { ...style, radius: point.radius, fillOpacity: 0.15 })
      : L.circleMarker([point.lat, point.lon], style);
    drawn.addTo(map);
    const words = document.createElement(point.address ? "a" : "span");
    words.textContent = point.name;
    if (point.address) words.href = point.address;
    drawn.bindPopup(words);
    // A circle of a few hundred metres cannot be seen from far away.
    if (point.radius) L.circleMarker([point.lat, point.lon], { ...style, radius: 5, fillOpacity: 0.15 }).addTo(map);
  }
})();
