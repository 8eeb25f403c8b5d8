import { benchmarkPostgres } from "./postgres.ts";

// The stores on servers, beside their drivers. Run with the packages built: what users run is measured.
const results = await benchmarkPostgres({ repetitions: process.argv.includes("--quick") ? 30 : 300 });

for (const { name, store, bare, ratio, atMost } of results) {
  const figures = `${store.toFixed(0).padStart(7)} µs ${bare.toFixed(0).padStart(7)} µs bare, ratio ${ratio.toFixed(2)}`;
  console.log(`${name.padEnd(60)} ${figures}${ratio <= atMost ? "" : ` (over ${atMost})`}`);
}
