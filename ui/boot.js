// Starts the program that has the page's view, and says in words what does not arrive in ten seconds. Loaded before any language is
// known, hence its own sentences; everything else is said by the program.

const DEADLINE_MS = 10000;

const SENTENCES = {
  en: {
    sdk: "The vSphere Client's script did not arrive. Reload the vSphere Client; if that does not help, check that this page was opened inside it.",
    program: "HDM's program did not arrive from the plug-in server. Reload the page; if that does not help, check that the HDM server runs.",
    start: "HDM's program arrived, but could not be started. Reload the page; if that does not help, report what the browser's console says.",
  },
  de: {
    sdk: "Das Skript des vSphere Client ist nicht angekommen. Laden Sie den vSphere Client neu; hilft das nicht, prüfen Sie, ob diese Seite in ihm geöffnet wurde.",
    program: "Das Programm von HDM ist nicht vom Plug-in-Server angekommen. Laden Sie die Seite neu; hilft das nicht, prüfen Sie, ob der HDM-Server läuft.",
    start: "Das Programm von HDM ist angekommen, ließ sich aber nicht starten. Laden Sie die Seite neu; hilft das nicht, melden Sie, was die Konsole des Browsers sagt.",
  },
  es: {
    sdk: "No ha llegado el script de vSphere Client. Vuelva a cargar vSphere Client; si no sirve, compruebe que esta página se abrió dentro de él.",
    program: "No ha llegado el programa de HDM desde el servidor del complemento. Vuelva a cargar la página; si no sirve, compruebe que el servidor de HDM funciona.",
    start: "El programa de HDM ha llegado, pero no se pudo iniciar. Vuelva a cargar la página; si no sirve, comunique lo que dice la consola del navegador.",
  },
  fr: {
    sdk: "Le script de vSphere Client n'est pas arrivé. Rechargez vSphere Client ; si cela ne suffit pas, vérifiez que cette page y a été ouverte.",
    program: "Le programme de HDM n'est pas arrivé du serveur du plug-in. Rechargez la page ; si cela ne suffit pas, vérifiez que le serveur HDM fonctionne.",
    start: "Le programme de HDM est arrivé, mais n'a pas pu être démarré. Rechargez la page ; si cela ne suffit pas, signalez ce que dit la console du navigateur.",
  },
  ja: {
    sdk: "vSphere Client のスクリプトを受信できませんでした。vSphere Client を再読み込みしてください。解決しない場合は、このページが vSphere Client 内で開かれているか確認してください。",
    program: "プラグイン サーバから HDM のプログラムを受信できませんでした。ページを再読み込みしてください。解決しない場合は、HDM サーバが動作しているか確認してください。",
    start: "HDM のプログラムは受信しましたが、起動できませんでした。ページを再読み込みしてください。解決しない場合は、ブラウザのコンソールの内容をお知らせください。",
  },
};

// The program is called the same as what it runs in, but for the ending.
const tag = document.querySelector("script[data-migration]");
const { hash } = window.location;
const name = hash.startsWith("#/migrate") ? "wizard" : hash.startsWith("#/home") ? "home" : "migration";
const script = new URL(tag.dataset[name], document.baseURI);
const binary = new URL(script.href.replace(/\.js$/, "_bg.wasm"));
const missing = new Set(["sdk", "program"]);

function say() {
  const [first] = missing;
  if (first) show(first);
}

function show(what) {
  const boot = document.getElementById("boot");
  if (!boot) return;
  const language = (navigator.language || "en").slice(0, 2);
  boot.textContent = (SENTENCES[language] || SENTENCES.en)[what];
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

const program = Promise.all([import(script), WebAssembly.compileStreaming(fetch(binary))]).then(([module, wasm]) => {
  arrived("program");
  return { module, wasm };
});

Promise.all([program, sdk]).then(
  ([{ module, wasm }]) => {
    clearTimeout(late);
    return module.default({ module_or_path: wasm }).catch((error) => {
      console.error(error);
      // A program that got as far as saying what is wrong has said it.
      if (document.getElementById("boot")?.hidden) show("start");
    });
  },
  () => {
    clearTimeout(late);
    say();
  },
);
