import { benchmarkMysql } from "./mysql.ts";
import { benchmarkPostgres } from "./postgres.ts";

// The stores on servers, beside their drivers. Run with the packages built: what users run is measured.
const options = { repetitions: process.argv.includes("--quick") ? 30 : 300 };
const results = [
  ...(await benchmarkPostgres(options)),
  ...(await benchmarkMysql("mysql", options)),
  ...(await benchmarkMysql("mariadb", options)),
];

for (const { name, store, bare, ratio, atMost } of results) {
  const figures = `${store.toFixed(0).padStart(7)} µs ${bare.toFixed(0).padStart(7)} µs bare, ratio ${ratio.toFixed(2)}`;
  console.log(`${name.padEnd(60)} ${figures}${ratio <= atMost ? "" : ` (over ${atMost})`}`);
}
