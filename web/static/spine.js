/* On a touch screen, the first tap on a part of the spine says what it is; a second one opens its page. */
"use strict";
(() => {
  // The part explained last: a refresh of the page explains it again, in words that may have changed with time.
  let last = null;
  const wordsOf = (part) => part.querySelector("title")?.textContent || part.getAttribute("aria-label");
  const lastIn = (spine) => {
    const parts = last ? [...spine.querySelectorAll("svg.plot a, svg.plot rect")] : [];
    const there = parts.filter((part) => last.address && part.getAttribute("href") === last.address);
    return parts.find((part) => wordsOf(part) === last.words) || (there.length === 1 ? there[0] : null);
  };
  const tell = (spine, part) => {
    const told = spine.querySelector(".told");
    last = { words: wordsOf(part), address: part.getAttribute("href") };
    if (told.textContent !== last.words) told.textContent = last.words;
    told.hidden = false;
  };

  document.addEventListener("click", (event) => {
    const spine = event.target.closest && event.target.closest(".spine:has(.told)");
    const part = spine && (event.target.closest("svg.plot a") || event.target.closest("svg.plot rect"));
    if (!part || !wordsOf(part) || event.pointerType !== "touch" || lastIn(spine) === part) return;
    event.preventDefault();
    tell(spine, part);
  });
  document.addEventListener("htmx:afterSwap", () => {
    const spine = document.querySelector(".spine:has(.told)"), part = spine && lastIn(spine);
    if (part) tell(spine, part);
    else last = null;
  });
})();
