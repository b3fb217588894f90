// Shows what needs passkeys where the browser knows them, and says in words when one was not used.
"use strict";
document.addEventListener("DOMContentLoaded", () => {
  if (!window.PublicKeyCredential) return;
  for (const form of document.querySelectorAll("[data-passkey]")) form.hidden = false;
});
document.addEventListener("allauth.error", (event) => {
  event.preventDefault();
  for (const sentence of document.querySelectorAll("[data-passkey-failed]")) sentence.hidden = false;
});
