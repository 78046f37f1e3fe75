// Minifies the scripts and compresses what a browser fetches ahead of time: for each file of dist/ a .br and a .gz beside it, unless
// it would not get smaller. Fails if what the first view fetches has become too large: that grows by one field's
// type, and nobody sees it.

import { readFileSync, readdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { transformSync } from "esbuild";
import { brotliCompressSync, constants, gzipSync } from "node:zlib";

// The plug-in's pages, unless it is told of others.
const others = process.argv[2];
const dist = others ?? join(dirname(dirname(fileURLToPath(import.meta.url))), "dist");

// What the files of In Progress may take on the wire: 350 KB in all, less the headers of seven answers and three
// answers of the API.
const FIRST_VIEW_BYTES = 350_000 - 7 * 300 - 3_700;
const FIRST_VIEW = /^(index\.html|boot\.js|hdm-[0-9a-f]+\.css|hdm-ui-migration-.*|clarity-city-.*)$/;

let first = 0;
let plain = 0;
let small = 0;
for (const entry of readdirSync(dist, { recursive: true, withFileTypes: true })) {
  const path = join(entry.parentPath, entry.name);
  if (entry.name.endsWith(".woff2")) first += readFileSync(path).length;
  if (!entry.isFile() || !/\.(html|js|css|json|wasm|svg)$/.test(entry.name)) continue;
  if (entry.name.endsWith(".js")) {
    writeFileSync(path, transformSync(readFileSync(path, "utf8"), { minify: true, format: "esm", charset: "utf8" }).code);
  }
  const bytes = readFileSync(path);
  const brotli = brotliCompressSync(bytes, {
    params: {
      [constants.BROTLI_PARAM_QUALITY]: 11,
      [constants.BROTLI_PARAM_LGWIN]: 24,
      [constants.BROTLI_PARAM_SIZE_HINT]: bytes.length,
    },
  });
  if (brotli.length < bytes.length) writeFileSync(`${path}.br`, brotli);
  const gzip = gzipSync(bytes, { level: 9 });
  if (gzip.length < bytes.length) writeFileSync(`${path}.gz`, gzip);
  plain += bytes.length;
  small += Math.min(brotli.length, bytes.length);
  if (FIRST_VIEW.test(entry.name)) first += Math.min(brotli.length, bytes.length);
  console.log(`${entry.name} ${bytes.length} ${brotli.length}`);
}
console.log(`all ${plain} ${small}`);
if (others) process.exit(0);
console.log(`first view ${first} of ${FIRST_VIEW_BYTES}`);
if (first > FIRST_VIEW_BYTES) {
  console.error("The first view is too large; ui/README.md says what to look at.");
  process.exit(1);
}
