/* Keeps ticked stations ticked while the list is refreshed, also those that move to another page, and counts them. */
"use strict";
(() => {
  const boxes = () => [...document.querySelectorAll('input[type="checkbox"][name="station"]')];
  const all = () => document.getElementById("tick-all");
  const ticked = new Set();
  let last = null;

  const show = () => {
    const here = boxes();
    const shown = new Set(here.map((box) => box.value));
    for (const box of here) box.checked = ticked.has(box.value);
    // Stations that are ticked but no longer on this page are sent with the form, too.
    const elsewhere = document.getElementById("elsewhere");
    elsewhere?.replaceChildren(...[...ticked].filter((serial) => !shown.has(serial)).map((serial) => {
      const input = document.createElement("input");
      Object.assign(input, { type: "hidden", name: "station", value: serial });
      return input;
    }));
    const words = document.getElementById("ticked");
    if (words && ticked.size) words.textContent = words.dataset.words.replace("{n}", ticked.size);
    if (all()) {
      all().labels[0].hidden = false;
      all().checked = here.length > 0 && here.every((box) => box.checked);
    }
  };
  const tick = (box, isTicked) => { if (isTicked) ticked.add(box.value); else ticked.delete(box.value); };
  const read = () => { for (const box of boxes()) tick(box, box.checked); show(); };

  document.addEventListener("change", (event) => {
    const box = event.target;
    if (box === all()) for (const each of boxes()) tick(each, box.checked);
    else if (box.name === "station") tick(box, box.checked);
    else return;
    show();
  });
  // With the shift key, all boxes between two clicks become like the second.
  document.addEventListener("click", (event) => {
    const box = event.target;
    if (box.type !== "checkbox" || box.name !== "station") return;
    const here = boxes();
    const from = here.findIndex((each) => each.value === last), to = here.indexOf(box);
    if (event.shiftKey && from >= 0) {
      for (const each of here.slice(Math.min(from, to), Math.max(from, to) + 1)) tick(each, box.checked);
      show();
    }
    last = box.value;
  });
  document.addEventListener("htmx:afterSwap", show);
  // When somebody goes back, the browser ticks the boxes again without an event.
  window.addEventListener("pageshow", read);
})();
