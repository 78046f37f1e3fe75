// Makes generated/hdm.css: Clarity's style sheet and our own, reduced to what the pages use, and the font's
// two weights as files of their own.

import { createHash } from "node:crypto";
import { mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import postcss from "postcss";
import { PurgeCSS } from "purgecss";

const ui = dirname(dirname(fileURLToPath(import.meta.url)));
const generated = join(ui, "generated");

rmSync(generated, { recursive: true, force: true });
mkdirSync(join(generated, "fonts"), { recursive: true });

function font(weight, file) {
  const bytes = readFileSync(join(ui, "node_modules/@cds/city/Webfonts/WOFF2", file));
  const hash = createHash("sha256").update(bytes).digest("hex").slice(0, 12);
  const name = `clarity-city-${weight}-${hash}.woff2`;
  writeFileSync(join(generated, "fonts", name), bytes);
  return `@font-face { font-family: "Clarity City"; font-weight: ${weight}; font-style: normal; font-display: swap; src: url("fonts/${name}") format("woff2"); }\n`;
}

const fonts = font(400, "ClarityCity-Regular.woff2") + font(600, "ClarityCity-SemiBold.woff2");

// Clarity's own fonts are data: addresses in four weights; ours take their place.
const clarity = postcss.parse(readFileSync(join(ui, "node_modules/@clr/ui/clr-ui.css"), "utf8"));
clarity.walkAtRules("font-face", (rule) => rule.remove());
clarity.walkComments((comment) => comment.remove());

const own = readdirSync(join(ui, "style"))
  .filter((name) => name.endsWith(".css"))
  .sort()
  .map((name) => readFileSync(join(ui, "style", name), "utf8"))
  .join("\n");

// Rust: words in string literals and names of elements in `view!`. Anything else is a name in the program.
function wordsOfRust(source) {
  const literals = source.match(/"(?:[^"\\]|\\.)*"/g) ?? [];
  const classes = source.match(/class:[\w-]+/g) ?? [];
  const elements = source.match(/<[a-z][a-z0-9]*/g) ?? [];
  return [...literals, ...classes.map((name) => name.slice(6)), ...elements].join(" ").match(/[\w-]+/g) ?? [];
}

const [{ css }] = await new PurgeCSS().purge({
  content: [join(ui, "src/**/*.rs"), join(ui, "index.html")],
  css: [{ raw: `${clarity.toString()}\n${own}` }],
  extractors: [
    { extensions: ["rs"], extractor: wordsOfRust },
    { extensions: ["html"], extractor: (source) => source.match(/[\w-]+/g) ?? [] },
  ],
  // Names that the program puts together, and an attribute of our own rules.
  safelist: { standard: ["html", "body", "dark", "light", "aria-disabled", /^hdm-state-/] },
  variables: true,
  keyframes: true,
});

// What is left of Clarity still names weights that are not there; the browser takes the nearest.
const result = postcss.parse(css);
result.walkRules((rule) => {
  if (rule.nodes.length === 0) rule.remove();
});
// Written without comments and blanks.
result.walkComments((comment) => comment.remove());
result.walk((node) => {
  Object.assign(node.raws, { before: "", after: "", semicolon: false, between: node.type === "decl" ? ":" : "" });
});
writeFileSync(join(generated, "hdm.css"), fonts + result.toString());
