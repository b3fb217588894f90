/* Keeps a page up to date without losing the reader's place: listens for changes, reloads the part with the id "live",
   and polls while it has no live connection. */
"use strict";
(() => {
  const POLL_MS = 15000;
  // Poll even without events, so that "3 min ago" stays true.
  const AGE_MS = 60000;
  const line = document.getElementById("live-line");
  const part = () => document.getElementById("live");

  // Hovering over a relative time shows the exact one; on a touch screen, a tap does.
  document.addEventListener("click", (event) => {
    const time = event.target.closest && event.target.closest("time[title]");
    if (!time) return;
    const next = time.nextElementSibling;
    if (next && next.className === "tapped") return void next.remove();
    const words = document.createElement("span");
    words.className = "tapped";
    words.textContent = time.title;
    time.after(words);
  });

  // A replaced part keeps its open details, and the keyboard focus stays.
  let unfolded = [], focused = null;
  const alike = (selector) => [...(part()?.querySelectorAll(selector) ?? [])];
  const placeOf = (element) => {
    if (!element || !part()?.contains(element)) return null;
    const name = ["id", "href", "name"].find((name) => element.hasAttribute(name));
    const selector = element.localName + (name ? `[${name}="${CSS.escape(element.getAttribute(name))}"]` : "");
    return { selector, number: alike(selector).indexOf(element) };
  };
  document.addEventListener("htmx:beforeSwap", () => {
    unfolded = alike("details[open][id]").map((box) => box.id);
    focused = placeOf(document.activeElement);
  });
  document.addEventListener("htmx:afterSwap", () => {
    for (const id of unfolded) document.getElementById(id)?.setAttribute("open", "");
    if (focused) alike(focused.selector)[focused.number]?.focus({ preventScroll: true });
  });

  // On a phone the menu scrolls sideways: bring the current entry into view.
  const here = document.querySelector('header.site nav ul [aria-current="page"]');
  if (here) {
    const menu = here.closest("ul");
    menu.scrollLeft += here.getBoundingClientRect().left - menu.getBoundingClientRect().left - menu.clientWidth / 3;
  }

  if (!line || !part()) return;
  const gapMs = Number(part().dataset.gap || 800);
  let source = null, connected = false, lost = false, asking = false, wanted = false, askedAt = 0, timer = 0;

  const say = (words, lost) => {
    if (line.textContent !== words) line.textContent = words;
    line.classList.toggle("lost", lost);
    line.hidden = false;
  };

  // Nothing is replaced between the two halves of a click, which would then hit nothing.
  let pressed = false;
  const press = (isDown) => { pressed = isDown; if (!isDown && wanted) setTimeout(ask); };
  document.addEventListener("pointerdown", () => press(true));
  for (const name of ["pointerup", "pointercancel"]) document.addEventListener(name, () => press(false));
  window.addEventListener("blur", () => press(false));
  document.addEventListener("htmx:beforeSwap", (event) => {
    if (pressed) { event.detail.shouldSwap = false; wanted = true; }
  });

  const ask = () => {
    wanted = true;
    const selection = String(document.getSelection() || "");
    const busy = part().contains(document.activeElement) && document.activeElement.matches("input, select, textarea");
    if (asking || timer || pressed || document.hidden || selection || busy) return;
    const wait = askedAt + gapMs - Date.now();
    if (wait > 0) { timer = setTimeout(() => { timer = 0; ask(); }, wait); return; }
    wanted = false; asking = true; askedAt = Date.now();
    window.htmx.trigger(part(), "roost:changed");
  };
  document.addEventListener("htmx:afterRequest", () => { asking = false; if (wanted) ask(); });
  document.addEventListener("visibilitychange", () => { if (!document.hidden) ask(); });

  // Changes between rendering the page and connecting are in neither, so reload once at the start.
  const found = () => { if (!connected) ask(); connected = true; lost = false; say(line.dataset.on, false); };
  const lose = () => { connected = false; lost = true; say(line.dataset.lost, true); };
  const listen = () => {
    source = new EventSource(line.dataset.address, { withCredentials: true });
    source.addEventListener("open", found);
    source.addEventListener("changed", ask);
    source.addEventListener("deaf", lose);
    source.addEventListener("hearing", found);
    source.addEventListener("error", lose);
  };
  setInterval(() => {
    if (!connected || wanted || Date.now() - askedAt > AGE_MS) ask();
    if (source.readyState === EventSource.CLOSED) listen();
  }, POLL_MS);
  // A page that was left must not keep a connection open in the browser's page cache.
  window.addEventListener("pagehide", () => source.close());
  window.addEventListener("pageshow", (event) => { if (event.persisted) listen(); });
  listen();
})();
