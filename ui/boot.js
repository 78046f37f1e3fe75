// Starts the page, and says in words what does not arrive in ten seconds. Loaded before any language is
// known, hence its own sentences; everything else is said by the program.

const DEADLINE_MS = 10000;

const SENTENCES = {
  en: {
    sdk: "The vSphere Client's script did not arrive. Reload the vSphere Client; if that does not help, check that this page was opened inside it.",
    program: "HDM's program did not arrive from the plug-in server. Reload the page; if that does not help, check that the HDM server runs.",
  },
  de: {
    sdk: "Das Skript des vSphere Client ist nicht angekommen. Laden Sie den vSphere Client neu; hilft das nicht, prüfen Sie, ob diese Seite in ihm geöffnet wurde.",
    program: "Das Programm von HDM ist nicht vom Plug-in-Server angekommen. Laden Sie die Seite neu; hilft das nicht, prüfen Sie, ob der HDM-Server läuft.",
  },
  es: {
    sdk: "No ha llegado el script de vSphere Client. Vuelva a cargar vSphere Client; si no sirve, compruebe que esta página se abrió dentro de él.",
    program: "No ha llegado el programa de HDM desde el servidor del complemento. Vuelva a cargar la página; si no sirve, compruebe que el servidor de HDM funciona.",
  },
  fr: {
    sdk: "Le script de vSphere Client n'est pas arrivé. Rechargez vSphere Client ; si cela ne suffit pas, vérifiez que cette page y a été ouverte.",
    program: "Le programme de HDM n'est pas arrivé du serveur du plug-in. Rechargez la page ; si cela ne suffit pas, vérifiez que le serveur HDM fonctionne.",
  },
  ja: {
    sdk: "vSphere Client のスクリプトを受信できませんでした。vSphere Client を再読み込みしてください。解決しない場合は、このページが vSphere Client 内で開かれているか確認してください。",
    program: "プラグイン サーバから HDM のプログラムを受信できませんでした。ページを再読み込みしてください。解決しない場合は、HDM サーバが動作しているか確認してください。",
  },
};

const tag = document.querySelector("script[data-wasm]");
const missing = new Set(["sdk", "program"]);

function say() {
  const boot = document.getElementById("boot");
  const [first] = missing;
  if (!boot || !first) return;
  const language = (navigator.language || "en").slice(0, 2);
  boot.textContent = (SENTENCES[language] || SENTENCES.en)[first];
  boot.hidden = false;
}

function arrived(what) {
  missing.delete(what);
  const boot = document.getElementById("boot");
  if (boot && missing.size === 0) boot.hidden = true;
}

const late = setTimeout(say, DEADLINE_MS);

const sdk = new Promise((resolve, reject) => {
  if (window.htmlClientSdk) return resolve();
  const script = document.getElementById("sdk");
  script.addEventListener("load", () => (window.htmlClientSdk ? resolve() : reject()));
  script.addEventListener("error", reject);
}).then(() => arrived("sdk"));

const program = import(new URL(tag.dataset.js, document.baseURI)).then(async (module) => {
  const wasm = await WebAssembly.compileStreaming(fetch(new URL(tag.dataset.wasm, document.baseURI)));
  arrived("program");
  return { module, wasm };
});

Promise.all([program, sdk]).then(
  ([{ module, wasm }]) => {
    clearTimeout(late);
    return module.default({ module_or_path: wasm });
  },
  () => {
    clearTimeout(late);
    say();
  },
);
