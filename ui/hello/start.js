// As HDM's own page begins: no inline script, the program compiled while it arrives.
const script = new URL(document.querySelector("script[data-program]").dataset.program, document.baseURI);
const wasm = WebAssembly.compileStreaming(fetch(script.href.replace(/\.js$/, "_bg.wasm")));
import(script).then(async (module) => module.default({ module_or_path: await wasm }));
