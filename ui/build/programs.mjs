// Puts a hash of its content into the name of each program that has none yet, so that a browser may keep it for ever.

import { createHash } from "node:crypto";
import { readFileSync, readdirSync, renameSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const ui = dirname(dirname(fileURLToPath(import.meta.url)));
const dist = join(ui, "dist");

const index = join(dist, "index.html");
let page = readFileSync(index, "utf8");
for (const file of readdirSync(dist)) {
  if (!file.endsWith("_bg.wasm")) continue;
  const name = file.slice(0, -"_bg.wasm".length);
  if (/-[0-9a-f]{16}$/.test(name)) continue;
  const hash = createHash("sha256").update(readFileSync(join(dist, file))).update(readFileSync(join(dist, `${name}.js`)));
  const hashed = `${name}-${hash.digest("hex").slice(0, 16)}`;
  renameSync(join(dist, file), join(dist, `${hashed}_bg.wasm`));
  renameSync(join(dist, `${name}.js`), join(dist, `${hashed}.js`));
  if (!page.includes(`${name}.js`)) throw new Error(`index.html does not name ${name}.js`);
  page = page.replace(`${name}.js`, `${hashed}.js`);
}
writeFileSync(index, page);
