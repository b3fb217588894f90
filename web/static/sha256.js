/* SHA-256 piece by piece (FIPS 180-4): browsers only hash data that is in memory as a whole, and only over https. */
"use strict";
const Sha256 = (() => {
  // The constants are the fractions of the square and cube roots of the first primes.
  const primes = [];
  for (let n = 2; primes.length < 64; n++) if (primes.every((prime) => n % prime)) primes.push(n);
  const fraction = (x) => ((x - Math.floor(x)) * 2 ** 32) | 0;
  const ROUNDS = Int32Array.from(primes, (prime) => fraction(Math.cbrt(prime)));
  const START = Int32Array.from(primes.slice(0, 8), (prime) => fraction(Math.sqrt(prime)));

  return class {
    #state = START.slice();
    #words = new Int32Array(64);
    #rest = new Uint8Array(128);
    #held = 0;
    #octets = 0;

    /* Add these bytes. */
    update(bytes) {
      let at = 0;
      this.#octets += bytes.length;
      if (this.#held) {
        at = Math.min(64 - this.#held, bytes.length);
        this.#rest.set(bytes.subarray(0, at), this.#held);
        this.#held += at;
        if (this.#held < 64) return this;
        this.#mix(this.#rest, 0, 64);
      }
      const end = at + ((bytes.length - at) & ~63);
      this.#mix(bytes, at, end);
      this.#rest.set(bytes.subarray(end));
      this.#held = bytes.length - end;
      return this;
    }

    /* The digest of all bytes; call it once, at the end. */
    digest() {
      const end = this.#held < 56 ? 64 : 128;
      this.#rest.fill(0, this.#held, end);
      this.#rest[this.#held] = 128;
      const view = new DataView(this.#rest.buffer);
      view.setUint32(end - 8, Math.floor(this.#octets / 2 ** 29));
      view.setUint32(end - 4, (this.#octets * 8) >>> 0);
      this.#mix(this.#rest, 0, end);
      const made = new DataView(new ArrayBuffer(32));
      this.#state.forEach((word, n) => made.setInt32(4 * n, word));
      return new Uint8Array(made.buffer);
    }

    #mix(bytes, from, end) {
      const w = this.#words, state = this.#state;
      for (let at = from; at < end; at += 64) {
        for (let n = 0, k = at; n < 16; n++, k += 4) {
          w[n] = (bytes[k] << 24) | (bytes[k + 1] << 16) | (bytes[k + 2] << 8) | bytes[k + 3];
        }
        for (let n = 16; n < 64; n++) {
          const x = w[n - 15], y = w[n - 2];
          const s0 = ((x >>> 7) | (x << 25)) ^ ((x >>> 18) | (x << 14)) ^ (x >>> 3);
          const s1 = ((y >>> 17) | (y << 15)) ^ ((y >>> 19) | (y << 13)) ^ (y >>> 10);
          w[n] = (w[n - 16] + s0 + w[n - 7] + s1) | 0;
        }
        let a = state[0], b = state[1], c = state[2], d = state[3];
        let e = state[4], f = state[5], g = state[6], h = state[7];
        for (let n = 0; n < 64; n++) {
          const s1 = ((e >>> 6) | (e << 26)) ^ ((e >>> 11) | (e << 21)) ^ ((e >>> 25) | (e << 7));
          const t1 = (h + s1 + ((e & f) ^ (~e & g)) + ROUNDS[n] + w[n]) | 0;
          const s0 = ((a >>> 2) | (a << 30)) ^ ((a >>> 13) | (a << 19)) ^ ((a >>> 22) | (a << 10));
          const t2 = (s0 + ((a & b) ^ (a & c) ^ (b & c))) | 0;
          h = g; g = f; f = e; e = (d + t1) | 0; d = c; c = b; b = a; a = (t1 + t2) | 0;
        }
        state[0] += a; state[1] += b; state[2] += c; state[3] += d;
        state[4] += e; state[5] += f; state[6] += g; state[7] += h;
      }
    }
  };
})();
