/* Draws a page's places on land outlines: points, circles for approximate places, and a track. */
"use strict";
(() => {
  const box = document.getElementById("map");
  if (!box || !window.L) return;
  const points = JSON.parse(box.dataset.points);
  const ink = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  box.hidden = false;
  const map = L.map(box, { preferCanvas: true, worldCopyJump: true, attributionControl: false, minZoom: 1, maxZoom: 18 });
  const track = JSON.parse(box.dataset.track || "[]");
  const where = points.map((point) => [point.lat, point.lon]).concat(track);
  // Without tiles an inland place is a point on grey: limit the zoom so that some coast is visible.
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
    // The points are visible without the land, and are also in the table.
    .catch(() => {});

  if (track.length) {
    L.polyline(track, { color: ink("--soft"), weight: 2, opacity: 0.6 }).addTo(map);
    // Light is early and dark is late, to show the direction.
    track.forEach((at, place) => {
      const opacity = 0.25 + (0.75 * (place + 1)) / track.length;
      L.circleMarker(at, { color: ink("--asleep"), weight: 1, radius: 3, opacity, fillOpacity: opacity }).addTo(map);
    });
  }

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
    // A circle of a few hundred metres is invisible when zoomed out.
    if (point.radius) L.circleMarker([point.lat, point.lon], { ...style, radius: 5, fillOpacity: 0.15 }).addTo(map);
  }
})();
