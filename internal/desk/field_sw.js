/* Keeps the page for the field on the telephone, so that it opens without a network. It keeps the page that
   belongs to nobody and what it is drawn with, and touches no other request: what is sent and what is read
   of an officer never passes through a cache. SHELL stands in front of this file; see field.go. */
'use strict';
const NAME = 'comity-field-' + SHELL.version;
const LANG = 'lang'; /* remembers which language was opened last, in the same cache */

/* Without credentials: the kept page cannot hold anything of the person who happened to be signed in. */
const fresh = (address) => new Request(address, { credentials: 'omit', cache: 'no-cache', redirect: 'error' });

self.addEventListener('install', (e) => {
  e.waitUntil(caches.open(NAME).then((c) => Promise.all(SHELL.keep.map((address) =>
    fetch(fresh(address)).then((answer) => {
      if (!answer.ok) throw new Error(address + ' answered ' + answer.status);
      return c.put(address, answer);
    })))).then(() => self.skipWaiting()));
});

self.addEventListener('activate', (e) => {
  e.waitUntil(caches.keys().then((names) => Promise.all(names.filter((n) => n.startsWith('comity-field-') && n !== NAME).map((n) => caches.delete(n))))
    .then(() => self.clients.claim()));
});

async function page(url) {
  const c = await caches.open(NAME);
  let lang = url.searchParams.get('lang');
  if (SHELL.langs.includes(lang)) await c.put(LANG, new Response(lang));
  else {
    const last = await c.match(LANG);
    lang = last ? await last.text() : '';
    if (!SHELL.langs.includes(lang)) lang = SHELL.langs.find((l) => (self.navigator.language || '').slice(0, 2) === l.slice(0, 2)) || SHELL.langs[0];
  }
  return (await c.match(SHELL.page + '?lang=' + lang)) || fetch(url);
}

self.addEventListener('fetch', (e) => {
  const url = new URL(e.request.url);
  if (e.request.method !== 'GET' || url.origin !== location.origin) return;
  if (e.request.mode === 'navigate' && url.pathname === SHELL.page) e.respondWith(page(url));
  else if (SHELL.keep.includes(url.pathname + url.search) && url.pathname !== SHELL.page) {
    e.respondWith(caches.open(NAME).then((c) => c.match(url.pathname + url.search)).then((kept) => kept || fetch(e.request)));
  }
});
