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
    // A part that is the whole page brings its title, too.
    const title = part()?.dataset.title;
    if (title) document.title = (/^\(\d+\+?\) /.exec(document.title) ?? [""])[0] + title;
  });

  // What the frame says about open incidents follows every refresh: the count, the title and the tab's picture.
  document.addEventListener("roost:open", (event) => {
    const { count, worst } = event.detail;
    const badge = document.getElementById("open-count");
    const mark = document.getElementById("favicon");
    document.title = document.title.replace(/^\(\d+\+?\) /, "");
    if (count) document.title = `(${count}) ${document.title}`;
    if (badge) { badge.hidden = !count; badge.firstElementChild.textContent = count; }
    if (mark && mark.getAttribute("href") !== mark.dataset[worst]) mark.href = mark.dataset[worst];
  });

  if (!line || !part()) return;
  const gapMs = Number(part().dataset.gap || 800);
  let source = null, connected = false, lost = false, asking = false, wanted = false, askedAt = 0, timer = 0;

  // On a phone the same words stand in the bar on top.
  const top = document.getElementById("live-top");
  const clock = new Intl.DateTimeFormat(document.documentElement.lang, {
    hour: "2-digit", minute: "2-digit", hourCycle: "h23", timeZone: document.querySelector("[data-zone]")?.dataset.zone,
  });
  const say = (words, lost) => {
    for (const each of [line, top]) {
      if (!each) continue;
      if (each.textContent !== words) each.textContent = words;
      each.classList.toggle("lost", lost);
      each.hidden = false;
    }
  };

  // Replace nothing between press and release: the click would then hit nothing.
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
    // A selection within the part must survive, so wait; one elsewhere does not matter.
    const chosen = document.getSelection();
    const selection = String(chosen || "") && part().contains(chosen.anchorNode);
    const busy = part().contains(document.activeElement) && document.activeElement.matches("input:not([type=checkbox]), select, textarea");
    if (asking || timer || pressed || document.hidden || selection || busy) return;
    const wait = askedAt + gapMs - Date.now();
    if (wait > 0) { timer = setTimeout(() => { timer = 0; ask(); }, wait); return; }
    wanted = false; askedAt = Date.now();
    window.htmx.trigger(part(), "roost:changed");
    // A part that was replaced a moment ago does not listen yet, so no request began: ask again.
    if (!asking) ask();
  };
  document.addEventListener("htmx:beforeRequest", () => { asking = true; });
  document.addEventListener("htmx:afterRequest", () => { asking = false; if (wanted) ask(); });
  document.addEventListener("visibilitychange", () => { if (!document.hidden) ask(); });
  // Another script changed the address and wants the part for it. Cancelling the event says that this script does it.
  document.addEventListener("roost:ask", (event) => { event.preventDefault(); ask(); });

  // Changes after rendering and before connecting would be missed, so reload once at the start.
  const found = () => { if (!connected) ask(); connected = true; lost = false; say(line.dataset.on, false); };
  const lose = () => {
    connected = false;
    if (lost) return;
    lost = true;
    say(line.dataset.lost.replace("{time}", clock.format(new Date())), true);
  };
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
