// better-auth as its documentation sets it up: username and bearer plugins, PostgreSQL, Node's own
// server. `node server.mjs migrate` makes the tables; `node server.mjs PORT` serves.
// BENCH_UPDATE_AGE=0: the check of a token renews its session each time, not once a day.

import { createServer } from "node:http";
import { betterAuth } from "better-auth";
import { toNodeHandler } from "better-auth/node";
import { bearer, username } from "better-auth/plugins";
import { getMigrations } from "better-auth/db/migration";
import pg from "pg";

const word = process.argv[2];
const age = process.env.BENCH_UPDATE_AGE;
export const auth = betterAuth({
  baseURL: `http://127.0.0.1:${word === "migrate" ? 80 : word}`,
  secret: "a secret for a benchmark on loopback",
  database: new pg.Pool({ connectionString: process.env.BENCH_DATABASE_URL }),
  emailAndPassword: { enabled: true },
  plugins: [username(), bearer()],
  session: age ? { updateAge: Number(age) } : {},
  // Its limits would refuse a benchmark from one address, as those of the others would.
  rateLimit: { enabled: false },
});

if (word === "migrate") {
  await (await getMigrations(auth.options)).runMigrations();
  process.exit(0);
}
createServer(toNodeHandler(auth)).listen(Number(word), "127.0.0.1");
