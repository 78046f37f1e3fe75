// A plug-in that shows what the SDK tells it, for the tests of the client around it.
const { htmlClientSdk: sdk } = window;
const before = { app: sdk.app, initialized: sdk.isInitialized(), origin: sdk.getProxiedPluginServerOrigin() };
const facts = document.getElementById('facts');
const out = document.getElementById('out');
document.getElementById('route').textContent = location.hash;

function fact(name, value) {
  const term = document.createElement('dt');
  const text = document.createElement('dd');
  term.textContent = name;
  text.id = name;
  text.textContent = typeof value === 'string' ? value : JSON.stringify(value);
  facts.append(term, text);
}

sdk.initialize(() => {
  const theme = () => document.body.classList.toggle('dark', sdk.app.getTheme().name === 'dark');
  theme();
  fact('before', before);
  fact('context', sdk.app.getContextObjects());
  fact('locale', sdk.app.getClientLocale());
  fact('theme', sdk.app.getTheme());
  fact('date', sdk.app.formatDateTime(0, { format: 'DATE' }));
  fact('navigation', sdk.app.getNavigationData());
  fact('custom', sdk.modal.getCustomData());
  sdk.app.getSessionInfo((info) => fact('session', info));
  sdk.app.getPluginBackendInfo((info) => fact('backend', info));
  sdk.event.onThemeChanged((now) => {
    theme();
    out.textContent = `theme ${now.name}`;
  });
  sdk.event.onGlobalRefresh(() => {
    out.textContent = 'refreshed';
  });
  sdk.event.onDateTimeFormatChanged(() => {
    out.textContent = `date ${sdk.app.formatDateTime(0, { format: 'DATE' })}`;
  });
  sdk.initialize(() => fact('again', true));
});

const on = (id, run) => document.getElementById(id).addEventListener('click', run);
on('open', () =>
  sdk.modal.open({
    url: 'index.html#/dialog',
    title: 'A dialog',
    size: { width: 480, height: 260 },
    contextObjects: [{ id: 'chosen' }],
    customData: { at: new Date(0), nothing: undefined, run() {} },
    onClosed: (result) => {
      out.textContent = `closed ${JSON.stringify(result)}`;
    },
  }),
);
on('confirm', () =>
  sdk.modal.openConfirmationModal({
    title: 'Delete it?',
    content: 'It cannot be undone.',
    alertLevel: 'WARNING',
    buttons: [
      { label: 'Keep', type: 'SECONDARY' },
      {
        label: 'Delete',
        style: 'DANGER',
        callback: () => {
          out.textContent = 'deleted';
        },
      },
    ],
  }),
);
on('go', () =>
  sdk.app.navigateTo({
    targetViewId: 'cl.conf',
    objectId: sdk.app.getContextObjects()[0].id,
    customData: { from: 'usage' },
  }),
);
on('close', () => sdk.modal.close({ answer: 42 }));
