/* The command palette: `/` or Ctrl-K opens the search over the page, `?` lists the keys. The search is a page too. */
"use strict";
(() => {
  const box = document.getElementById("palette");
  const keys = document.getElementById("keys");
  if (!box || !box.showModal) return;
  const field = box.querySelector("input");
  const found = document.getElementById("palette-found");
  const WAIT_MS = 150;
  let timer = 0, asking = null;

  const links = () => [...found.querySelectorAll("a")];
  const isTyping = (target) => target.isContentEditable || /^(INPUT|SELECT|TEXTAREA)$/.test(target.tagName);

  const search = async () => {
    asking?.abort();
    const words = field.value.trim();
    if (!words) { found.replaceChildren(); return; }
    asking = new AbortController();
    try {
      const answer = await fetch(`${box.querySelector("form").action}?${new URLSearchParams({ q: words })}`, {
        headers: { "HX-Request": "true" }, signal: asking.signal,
      });
      // The session ended meanwhile: the reloaded page leads to the login.
      if (answer.headers.get("HX-Refresh")) return void location.reload();
      const text = await answer.text();
      const read = new DOMParser().parseFromString(text, "text/html");
      if (field.value.trim() === words) found.replaceChildren(...read.body.children);
    } catch (error) {
      // Without a connection the list is emptied; Enter then opens the search page, and the browser says what is wrong.
      if (error.name !== "AbortError") found.replaceChildren();
    }
  };
  const open = () => { if (!box.open) { box.showModal(); field.select(); } };

  field.addEventListener("input", () => { clearTimeout(timer); timer = setTimeout(search, WAIT_MS); });
  box.addEventListener("keydown", (event) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (!step) {
      if (event.key === "Enter" && event.target === field && links().length) { event.preventDefault(); links()[0].click(); }
      return;
    }
    event.preventDefault();
    const all = [field, ...links()];
    all[(all.indexOf(document.activeElement) + step + all.length) % all.length].focus();
  });
  for (const each of [box, keys]) {
    each.addEventListener("click", (event) => { if (event.target === each) each.close(); });
  }
  document.addEventListener("keydown", (event) => {
    if (event.key.toLowerCase() === "k" && (event.ctrlKey || event.metaKey)) { event.preventDefault(); open(); return; }
    if (event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target) || box.open || keys.open) return;
    if (event.key === "/") { event.preventDefault(); open(); }
    if (event.key === "?") { event.preventDefault(); keys.showModal(); }
  });
  for (const link of document.querySelectorAll("a[data-palette]")) {
    link.addEventListener("click", (event) => {
      if (event.ctrlKey || event.metaKey || event.shiftKey || event.button) return;
      event.preventDefault();
      open();
    });
  }
})();
