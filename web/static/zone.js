/* Tells the server the browser's time zone, until the person has one. */
"use strict";
(() => {
  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
  if (!zone) return;
  const secure = location.protocol === "https:" ? "; Secure" : "";
  document.cookie = `roost_zone=${encodeURIComponent(zone)}; path=/; SameSite=Lax${secure}`;
})();
