/* Leaves a page that nobody touches. Without script the page has a refresh of its own. */
(function () {
  'use strict';
  var me = document.currentScript, idle = Number(me.dataset.idle), to = me.dataset.to, alive = me.dataset.alive;
  if (!idle || !to) return;
  var last = Date.now(), told = Date.now();
  var out = document.querySelector('[data-left]');
  var warn = Number(me.dataset.warn), ask = document.querySelector('[data-warning]'), still = document.querySelector('[data-still]');
  function touched() {
    last = Date.now();
    if (!alive || last - told < 60000) return;
    told = last;
    fetch(alive, { method: 'POST', credentials: 'same-origin' });
  }
  ['keydown', 'pointerdown', 'pointermove', 'wheel', 'touchstart', 'input'].forEach(function (kind) {
    addEventListener(kind, touched, { passive: true, capture: true });
  });
  /* A form says which visit it belongs to: sent again later, out of the browser's memory, it leads to the start. */
  if (me.dataset.visit) {
    Array.prototype.forEach.call(document.forms, function (f) { f.setAttribute('autocomplete', 'off'); });
    addEventListener('submit', function (e) {
      var f = e.target, own = e.submitter && e.submitter.hasAttribute('formaction'); /* a button may lead elsewhere than its form */
      var from = own ? e.submitter : f, name = own ? 'formaction' : 'action', to = new URL(from.getAttribute(name) || location.href, location.href);
      if ((f.getAttribute('method') || '').toLowerCase() !== 'post' || to.origin !== location.origin) return;
      to.searchParams.set('_v', me.dataset.visit);
      from.setAttribute(name, to.pathname + to.search + to.hash);
    }, true);
  }
  function leave() {
    try { sessionStorage.clear(); localStorage.clear(); } catch (e) { /* storage may be closed */ }
    Array.prototype.forEach.call(document.forms, function (f) { f.reset(); });
    location.replace(to);
  }
  function look() {
    var left = Math.ceil(idle - (Date.now() - last) / 1000);
    if (left <= 0) { leave(); return; }
    var soon = left <= warn && idle > warn;
    if (ask && still && ask.hidden === soon) { /* said once, or a screen reader would count along */
      ask.hidden = still.hidden = !soon;
      ask.textContent = soon ? ask.dataset.words : '';
    }
    if (out) { out.hidden = false; out.textContent = out.dataset.words.replace('{n}', left); }
  }
  /* A page that comes back from the browser's memory is looked at again at once. */
  addEventListener('pageshow', function (e) { if (e.persisted) location.reload(); });
  setInterval(look, 1000);
})();
