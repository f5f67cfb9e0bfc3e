// A proof of work for denglu (DENGLU_CAPTCHA=pow), in plain JavaScript: browsers, uni-app,
// mini-programs. No WebCrypto, no btoa, no worker, no library.
//
//   const { solve } = require("./captcha_pow.js");
//   const captcha_token = await solve(answer.data.captcha.challenge);
//
// The page stays alive meanwhile: it counts for a moment, then lets others run.
"use strict";

const MOMENT = 15; // milliseconds
const AT_ONCE = 100;

function fraction(value) {
  return ((value - Math.floor(value)) * 4294967296) | 0;
}

// SHA-256 begins with the roots of the first primes.
const ROUND = [];
const START = [];
for (let number = 2; ROUND.length < 64; number += 1) {
  let prime = true;
  for (let by = 2; by * by <= number; by += 1) prime = prime && number % by !== 0;
  if (prime) {
    if (START.length < 8) START.push(fraction(Math.pow(number, 1 / 2)));
    ROUND.push(fraction(Math.pow(number, 1 / 3)));
  }
}

// SHA-256 of the one block that words 0 to 15 hold; the result is eight words.
function digest(words) {
  for (let i = 16; i < 64; i += 1) {
    const x = words[i - 15];
    const y = words[i - 2];
    const s0 = ((x >>> 7) | (x << 25)) ^ ((x >>> 18) | (x << 14)) ^ (x >>> 3);
    const s1 = ((y >>> 17) | (y << 15)) ^ ((y >>> 19) | (y << 13)) ^ (y >>> 10);
    words[i] = (words[i - 16] + s0 + words[i - 7] + s1) | 0;
  }
  let [a, b, c, d, e, f, g, h] = START;
  for (let i = 0; i < 64; i += 1) {
    const s1 = ((e >>> 6) | (e << 26)) ^ ((e >>> 11) | (e << 21)) ^ ((e >>> 25) | (e << 7));
    const t = (h + s1 + ((e & f) ^ (~e & g)) + ROUND[i] + words[i]) | 0;
    const s0 = ((a >>> 2) | (a << 30)) ^ ((a >>> 13) | (a << 19)) ^ ((a >>> 22) | (a << 10));
    const u = (s0 + ((a & b) ^ (a & c) ^ (b & c))) | 0;
    h = g;
    g = f;
    f = e;
    e = (d + t) | 0;
    d = c;
    c = b;
    b = a;
    a = (t + u) | 0;
  }
  return [a, b, c, d, e, f, g, h].map((word, i) => (word + START[i]) | 0);
}

function fromHex(text) {
  const words = [];
  for (let i = 0; i < text.length; i += 8) words.push(parseInt(text.slice(i, i + 8), 16) | 0);
  return words;
}

function toHex(words) {
  return words.map((word) => (word >>> 0).toString(16).padStart(8, "0")).join("");
}

function base64(text) {
  const digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  let coded = "";
  for (let i = 0; i < text.length; i += 3) {
    const [x, y, z] = [0, 1, 2].map((n) => text.charCodeAt(i + n) || 0);
    coded += digits[x >> 2] + digits[((x & 3) << 4) | (y >> 4)];
    coded += i + 1 < text.length ? digits[((y & 15) << 2) | (z >> 6)] : "=";
    coded += i + 2 < text.length ? digits[z & 63] : "=";
  }
  return coded;
}

// data.captcha.challenge in, a promise of captcha_token out.
function solve(challenge) {
  const { salt, nonce, keyPrefix } = challenge.parameters;
  const words = new Int32Array(64);
  words.set(fromHex(salt + nonce)); // 32 bytes, then the counter, then the end of the block
  words[9] = 0x80000000;
  words[15] = 36 * 8;
  const wanted = fromHex(keyPrefix);
  let counter = 0;
  return new Promise((resolve) => {
    function goOn() {
      const pause = Date.now() + MOMENT;
      do {
        for (const stop = counter + AT_ONCE; counter < stop; counter += 1) {
          words[8] = counter;
          const found = digest(words);
          if (wanted.every((word, i) => word === found[i])) {
            const solution = { counter, derivedKey: toHex(found) };
            resolve(base64(JSON.stringify({ challenge, solution })));
            return;
          }
        }
      } while (Date.now() < pause);
      setTimeout(goOn, 0);
    }
    goOn();
  });
}

if (typeof module !== "undefined") module.exports = { solve };
