/* Takes the files and folders that are dropped or chosen, gives them to a few workers (send.js), and says what became of
   each. Every file ends as stored, known, kept back or refused; the four add up. */
"use strict";
(() => {
  const part = document.getElementById("drop");
  if (!part || !window.Worker) return;
  const words = JSON.parse(document.getElementById("upload-words").textContent);
  const LANES = 3, ROWS_MOST = 500, REFUSALS_MOST = 20;
  // A folder of one day, as stations name them: it stays part of its files' names.
  const DAY = /^\d{4}-\d\d-\d\d$/;
  const noData = words.noData.map(([source, reason]) => [new RegExp(`^(?:${source})`, "u"), reason]);
  const bytesWords = new Intl.NumberFormat(document.documentElement.lang, { maximumFractionDigits: 1 });
  const find = (name) => part.querySelector(`[data-upload=${name}]`);
  const rows = find("rows"), model = find("row"), bar = find("bar"), stop = find("stop"), table = find("table");
  const counts = { stored: 0, known: 0, "kept back": 0, refused: 0 };
  const waiting = [], running = new Map();
  let number = 0, octets = 0, octetsOver = 0, refusedInARow = 0, hidden = 0, sayTimer = 0;

  // The dropped files with their paths; one that cannot be read has a reason instead.
  const promised = (call) => new Promise((done, fail) => call(done, fail));
  const walk = async (entry, found) => {
    const path = entry.fullPath.slice(1);
    try {
      if (entry.isFile) return void found.push({ path, file: await promised((...ways) => entry.file(...ways)) });
      const reader = entry.createReader();
      // A browser lists a hundred entries per call.
      for (let some; (some = await promised((...ways) => reader.readEntries(...ways))).length;) {
        for (const one of some) await walk(one, found);
      }
    } catch {
      found.push({ path, reason: words.unread });
    }
  };
  /* Leave out the folder that holds everything, as `station-agent upload` does, unless it is a day. */
  const shorten = (found) => {
    const tops = new Set(found.map(({ path }) => path.slice(0, path.indexOf("/") + 1)));
    const [top] = tops;
    if (tops.size === 1 && top && !DAY.test(top.slice(0, -1))) for (const one of found) one.path = one.path.slice(top.length);
    return found.sort((one, other) => (one.path < other.path ? -1 : 1));
  };

  const size = (some) => {
    const step = Math.min(Math.floor(Math.log10(Math.max(some, 1)) / 3), 4);
    return `${bytesWords.format(some / 1000 ** step)} ${["B", "kB", "MB", "GB", "TB"][step]}`;
  };
  const say = () => {
    sayTimer = 0;
    let here = octetsOver;
    for (const lane of running.values()) here += lane.done;
    bar.value = octets ? here / octets : 1;
    const over = Object.values(counts).reduce((sum, each) => sum + each, 0);
    const filled = { over, all: number, sent: size(here), octets: size(octets), ...counts, kept: counts["kept back"] };
    const away = [...running.values()].find((lane) => lane.waits);
    const now = over === number ? words.finished : away ? away.reason || words.away : words.running;
    find("total").textContent = words.total.replace(/{(\w+)}/g, (_all, name) => filled[name]);
    if (find("now").textContent !== now) find("now").textContent = now;
    find("more").textContent = hidden ? words.hidden.replace("{n}", hidden) : "";
    stop.hidden = over === number;
    find("again").hidden = over !== number;
  };
  const saySoon = () => { sayTimer ||= setTimeout(say, 200); };

  const rowOf = (one) => {
    if (one.row || one.isHidden) return one.row;
    if (rows.children.length >= ROWS_MOST) {
      // The oldest row that needs no attention makes room; without one, this file is only counted.
      const old = rows.querySelector('[data-fate="stored"], [data-fate="known"]');
      hidden++;
      one.isHidden = !old;
      if (!old) return null;
      old.remove();
    }
    one.row = model.content.firstElementChild.cloneNode(true);
    one.row.querySelector("code").textContent = one.path;
    one.row.querySelector(".number").textContent = one.file ? size(one.file.size) : "";
    rows.append(one.row);
    table.hidden = false;
    return one.row;
  };
  const state = (one, told, reason = "") => {
    const row = rowOf(one);
    if (!row) return;
    const [label, small] = row.querySelectorAll("span, small");
    label.textContent = told;
    small.textContent = reason;
  };

  const close = (one, fate, reason) => {
    counts[fate]++;
    octetsOver += one.file?.size ?? 0;
    state(one, words.fates[fate], reason);
    if (one.row) one.row.dataset.fate = fate;
    saySoon();
  };
  const endAll = (fate, reason) => { for (const one of waiting.splice(0)) close(one, fate, reason); };

  const next = (worker) => {
    const one = waiting.shift();
    if (!one) { worker.terminate(); running.delete(worker); return void saySoon(); }
    running.set(worker, { one, done: 0, waits: false, reason: "" });
    state(one, words.doing.hash);
    worker.postMessage({
      id: one.id, file: one.file, path: one.path, station: part.dataset.station, address: part.dataset.address,
      token: document.querySelector("[name=csrfmiddlewaretoken]").value, words: words.worker,
    });
  };
  const hear = (worker, told) => {
    const lane = running.get(worker);
    if (!lane || told.id !== lane.one.id) return;
    if (told.fate) {
      refusedInARow = told.fate === "refused" ? refusedInARow + 1 : 0;
      lane.done = 0;
      close(lane.one, told.fate, told.reason);
      if (told.ends || refusedInARow >= REFUSALS_MOST) {
        endAll("refused", words.untried.replace("{reason}", told.reason));
        refusedInARow = 0;
      }
      return next(worker);
    }
    lane.waits = Boolean(told.waits);
    lane.reason = told.reason;
    if (told.doing) {
      // Only sent bytes count as progress in total: hashing alone uploads nothing.
      if (told.doing === "send") lane.done = told.done;
      const share = lane.one.file.size ? Math.floor((100 * told.done) / lane.one.file.size) : 100;
      state(lane.one, `${words.doing[told.doing]} ${share} %`);
    }
    saySoon();
  };
  const start = () => {
    while (running.size < Math.min(LANES, running.size + waiting.length)) {
      const worker = new Worker(part.dataset.worker);
      worker.addEventListener("message", ({ data }) => hear(worker, data));
      worker.addEventListener("error", () => {
        const lane = running.get(worker);
        worker.terminate();
        running.delete(worker);
        if (lane) close(lane.one, "refused", words.broken);
        endAll("refused", words.broken);
      });
      next(worker);
    }
  };

  const take = (found) => {
    find("progress").hidden = false;
    if (!found.length) return void (find("now").textContent = words.nothing);
    for (const one of shorten(found)) {
      one.id = ++number;
      octets += one.file?.size ?? 0;
      const name = one.path.slice(one.path.lastIndexOf("/") + 1);
      const left = noData.find(([pattern]) => pattern.test(name));
      if (left) close(one, "kept back", left[1]);
      else if (!one.file) close(one, "refused", one.reason);
      else waiting.push(one);
    }
    start();
    say();
  };

  const chosen = (event) => {
    take([...event.target.files].map((file) => ({ path: file.webkitRelativePath || file.name, file })));
    event.target.value = "";
  };
  for (const input of part.querySelectorAll("input[type=file]")) input.addEventListener("change", chosen);
  stop.addEventListener("click", () => {
    for (const [worker, { one }] of running) { worker.terminate(); waiting.unshift(one); }
    running.clear();
    endAll("kept back", words.stopped);
  });
  // A file dropped beside the part would replace the page and end the uploads.
  for (const name of ["dragover", "drop"]) window.addEventListener(name, (event) => event.preventDefault());
  part.addEventListener("drop", async (event) => {
    // Read the list now: it is empty as soon as this function awaits anything.
    const entries = [...event.dataTransfer.items].map((item) => item.webkitGetAsEntry?.()).filter(Boolean);
    const found = entries.length ? [] : [...event.dataTransfer.files].map((file) => ({ path: file.name, file }));
    for (const entry of entries) await walk(entry, found);
    take(found);
  });
  window.addEventListener("beforeunload", (event) => { if (running.size) event.preventDefault(); });
  part.hidden = false;
  document.getElementById("plain").hidden = true;
})();
