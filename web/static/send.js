/* A worker that sends one file at a time with tus (docs/reference/api.md): hash it, ask how much is there, send the rest.

   It gets {id, file, path, station, address, token, words} and posts {id, doing, done} while it works, {id, waits, reason}
   while the line or the server is away, and at the end {id, fate, reason, ends}; `ends`: no other file would pass. */
"use strict";
importScripts("sha256.js");

const READ = 4e6, PIECE_FIRST = 1e6, PIECE_LEAST = 65536, PIECE_MOST = 8e6;
// A piece should take a few seconds: long enough for the line, short enough that little is sent again.
const QUICK_MS = 3000, SLOW_MS = 15000;
const STALL_MS = 90000, WAIT_FIRST_MS = 1000, WAIT_MOST_MS = 30000, TRIES = 3;

class Refused extends Error {
  constructor(reason, ends = false) { super(reason); this.ends = ends; }
}

const base64 = (bytes) => btoa(String.fromCharCode(...bytes));
const hex = (bytes) => Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");

/* One request; status 0 if there was no answer. */
const request = (job, method, address, headers = {}, body = null, sent = () => {}) => new Promise((done) => {
  const line = new XMLHttpRequest();
  let stall = 0;
  const alive = () => { clearTimeout(stall); stall = setTimeout(() => line.abort(), STALL_MS); };
  line.open(method, address);
  const all = { "Tus-Resumable": "1.0.0", Accept: "application/json", "X-CSRFToken": job.token, ...headers };
  for (const [name, value] of Object.entries(all)) line.setRequestHeader(name, value);
  line.upload.onprogress = (event) => { alive(); sent(event.loaded); };
  line.onreadystatechange = alive;
  line.onloadend = () => {
    clearTimeout(stall);
    let said = {};
    try { said = JSON.parse(line.responseText); } catch { /* No answer, or one that is not JSON. */ }
    const offset = Number(line.getResponseHeader("Upload-Offset") ?? NaN);
    done({ status: line.status, said, offset, place: line.getResponseHeader("Location"), later: line.getResponseHeader("Retry-After") });
  };
  alive();
  line.send(body);
});

// A full quota answers 429 too, but without Retry-After.
const isForLater = ({ status, later }) => status === 0 || status >= 500 || (status === 429 && later !== null);
const reasonOf = (job, { status, said }) => said.detail || job.words.status.replace("{status}", status);

/* Wait before the next attempt, at most until the line is back. */
const pause = (job, answer, wait) => new Promise((done) => {
  postMessage({ id: job.id, waits: true, reason: answer.status ? reasonOf(job, answer) : "" });
  const go = () => { clearTimeout(timer); removeEventListener("online", go); done(); };
  const timer = setTimeout(go, Math.max(wait, 1000 * (Number(answer.later) || 0)));
  if (!answer.status) addEventListener("online", go);
});

/* The answer to a request that is repeated until the server can handle it. */
const ask = async (job, method, address, headers) => {
  for (let wait = WAIT_FIRST_MS; ; wait = Math.min(2 * wait, WAIT_MOST_MS)) {
    const answer = await request(job, method, address, headers);
    if (answer.status === 401 || answer.status === 403) throw new Refused(reasonOf(job, answer), true);
    if (!isForLater(answer)) return answer;
    await pause(job, answer, wait);
  }
};

const bytesOf = async (job, from, to, reason) => {
  try {
    return new Uint8Array(await job.file.slice(from, to).arrayBuffer());
  } catch {
    // The browser refuses to read a file that was changed since it was chosen.
    throw new Refused(reason);
  }
};

const hash = async (job) => {
  const digest = new Sha256();
  for (let at = 0; at < job.file.size; at += READ) {
    postMessage({ id: job.id, doing: "hash", done: at });
    digest.update(await bytesOf(job, at, at + READ, job.words.unread));
  }
  return hex(digest.digest());
};

const begin = async (job, sha256) => {
  const told = { station: job.station, path: job.path, sha256, modified: String(Math.max(job.file.lastModified, 0) / 1000), resume: "" };
  const pairs = Object.entries(told).map(([name, value]) => `${name} ${base64(new TextEncoder().encode(value))}`.trim());
  const answer = await ask(job, "POST", job.address, {
    "Upload-Length": String(job.file.size), "Upload-Metadata": pairs.join(","),
  });
  // The station is gone, or no longer the person's: nothing else would pass either.
  if (answer.status !== 201) throw new Refused(reasonOf(job, answer), answer.status === 404);
  return answer;
};

/* Send everything from the offset; false if the upload is gone or was refused for its content. */
const sendRest = async (job, place, offset) => {
  let piece = PIECE_FIRST, wait = WAIT_FIRST_MS;
  while (offset < job.file.size) {
    const bytes = await bytesOf(job, offset, offset + piece, job.words.changed);
    const began = Date.now(), from = offset;
    const sent = (some) => postMessage({ id: job.id, doing: "send", done: from + Math.min(some, bytes.length) });
    sent(0);
    let answer = await request(job, "PATCH", place, {
      "Upload-Offset": String(offset),
      "Upload-Checksum": `sha256 ${base64(new Sha256().update(bytes).digest())}`,
      "Content-Type": "application/offset+octet-stream",
    }, bytes, sent);
    const took = Date.now() - began;
    if (answer.status === 401 || answer.status === 403) throw new Refused(reasonOf(job, answer), true);
    if (answer.status === 422) return false;
    if (answer.status !== 204) {
      const refused = answer;
      answer = await ask(job, "HEAD", place);
      // Also after a refusal by something else, such as a proxy's limit: the same bytes at once would repeat for ever.
      if (isForLater(refused) || answer.offset <= offset) await pause(job, refused, wait);
    }
    if (answer.status === 404 || answer.status === 410) return false;
    if (!Number.isInteger(answer.offset)) throw new Refused(reasonOf(job, answer));
    if (answer.offset > offset) wait = WAIT_FIRST_MS; else wait = Math.min(2 * wait, WAIT_MOST_MS);
    if (answer.status === 204 && took < QUICK_MS) piece = Math.min(2 * piece, PIECE_MOST);
    if (answer.status !== 204 || took > SLOW_MS) piece = Math.max(piece / 2, PIECE_LEAST);
    offset = answer.offset;
  }
  return true;
};

const send = async (job) => {
  for (let tries = 0; tries < TRIES; tries++) {
    const begun = await begin(job, await hash(job));
    let state = begun.said.state;
    if (state === "open") {
      if (!await sendRest(job, begun.place, begun.offset)) continue;
      state = (await ask(job, "GET", begun.place)).said.state;
    }
    if (state === "stored" || state === "known") return state;
  }
  throw new Refused(job.words.changed);
};

onmessage = async ({ data: job }) => {
  try {
    postMessage({ id: job.id, fate: await send(job), reason: "", ends: false });
  } catch (error) {
    // If it were thrown again, nobody would catch it, and this file and all after it would wait for ever.
    if (!(error instanceof Refused)) console.error(error);
    const [reason, ends] = error instanceof Refused ? [error.message, error.ends] : [job.words.broken, false];
    postMessage({ id: job.id, fate: "refused", reason, ends });
  }
};
