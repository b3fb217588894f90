/* Buttons that copy a text of their page; without scripts they stay hidden, and a click selects the text. */
"use strict";
for (const button of document.querySelectorAll("button[data-copy]")) {
  const text = document.getElementById(button.dataset.copy);
  const words = button.textContent;
  button.hidden = false;
  button.addEventListener("click", async () => {
    const chosen = getSelection();
    try {
      await navigator.clipboard.writeText(text.textContent);
    } catch {
      // Plain http has no clipboard API: the older command copies the selection.
      chosen.selectAllChildren(text);
      const done = document.execCommand("copy");
      chosen.removeAllRanges();
      if (!done) return;
    }
    button.textContent = `${words} ✓`;
    setTimeout(() => { button.textContent = words; }, 3000);
  });
}
