/* A call without the mouse: Alt and a digit go to a field, Enter to the next one, Control and Enter send.
   What is typed stays in this tab until the call is over, so that a reload loses nothing; it is gone with the
   tab, and when somebody else signs in there. The time of the call is shown to the operator and told to nobody. */
(function () {
  'use strict';
  var all = function (css, el) { return Array.prototype.slice.call((el || document).querySelectorAll(css)); };
  var tab = null;
  try { tab = window.sessionStorage; tab.getItem('call'); } catch (err) { tab = { getItem: function () { return null; }, setItem: function () {}, removeItem: function () {} }; }

  function over() { tab.removeItem('call'); tab.removeItem('call-began'); }
  all('[data-next-call]').forEach(function (a) { a.addEventListener('click', over); });
  if (document.querySelector('[data-entry-done]')) tab.removeItem('call');
  if (!tab.getItem('call-began')) tab.setItem('call-began', String(Date.now()));
  var clock = document.querySelector('[data-call]');
  function tell() {
    var s = Math.max(0, Math.floor((Date.now() - Number(tab.getItem('call-began'))) / 1000));
    clock.hidden = false;
    clock.textContent = Math.floor(s / 60) + ':' + ('0' + s % 60).slice(-2);
  }
  if (clock) { tell(); setInterval(tell, 1000); }

  /* Typing a number or a part of a word chooses in the list below; the list itself stays as it is. */
  all('[data-filter]').forEach(function (box) {
    var list = document.getElementById(box.dataset.filter);
    box.hidden = false;
    function pick(step) {
      var want = box.value.trim().toLowerCase();
      if (!want) return;
      var options = all('option', list).filter(function (o) { return o.value; });
      var hits = options.filter(function (o) {
        var text = o.textContent.toLowerCase();
        return /^\d+$/.test(want) ? text.trim().split(/\s/)[0] === want : text.indexOf(want) >= 0;
      });
      if (!hits.length) hits = options.filter(function (o) { return (o.parentNode.label || '').toLowerCase().indexOf(want) >= 0; });
      if (!hits.length) { list.value = ''; return; }
      var at = hits.indexOf(list.selectedOptions[0]);
      list.value = hits[step === 0 ? 0 : (at + step + hits.length) % hits.length].value;
      list.dispatchEvent(new Event('change', { bubbles: true }));
    }
    box.addEventListener('input', function () { pick(0); });
    box.addEventListener('keydown', function (e) {
      if (e.isComposing || e.key !== 'ArrowDown' && e.key !== 'ArrowUp') return;
      e.preventDefault();
      pick(e.key === 'ArrowDown' ? 1 : -1);
    });
  });

  var form = document.querySelector('form[data-entry]');
  var fields = function () { return form ? all('input, textarea, select', form).filter(function (f) { return f.name && f.type !== 'hidden'; }) : []; };
  if (form) {
    var kept = JSON.parse(tab.getItem('call') || 'null');
    if (kept && kept.by !== form.dataset.by) { tab.removeItem('call'); kept = null; }
    if (kept && !form.hasAttribute('data-again')) {
      fields().forEach(function (f) {
        if (!(f.name in kept.typed)) return;
        if (/^(radio|checkbox)$/.test(f.type)) f.checked = kept.typed[f.name] === f.value; else f.value = kept.typed[f.name];
      });
    }
    var keep = function () {
      var now = {};
      fields().forEach(function (f) { if (!/^(radio|checkbox)$/.test(f.type) || f.checked) now[f.name] = f.value; });
      tab.setItem('call', JSON.stringify({ by: form.dataset.by, typed: now }));
    };
    form.addEventListener('input', keep);
    form.addEventListener('change', keep);
  }

  /* The character of an Enter that moved on must not send the form from the field it moved to. */
  document.addEventListener('keypress', function (e) {
    if (e.key === 'Enter' && !e.ctrlKey && form && form.contains(e.target) && /^(INPUT|SELECT)$/.test(e.target.tagName)) e.preventDefault();
  });
  document.addEventListener('keydown', function (e) {
    if (e.isComposing || e.keyCode === 229) return;
    if (e.altKey && !e.ctrlKey && !e.metaKey && /^Digit\d$/.test(e.code)) {
      var to = all('[data-alt="' + e.code.slice(5) + '"]').filter(function (el) { return el.offsetParent; })[0];
      if (!to) return;
      e.preventDefault();
      if (/^(A|BUTTON|SUMMARY)$/.test(to.tagName)) to.click(); else to.focus();
      return;
    }
    if (e.key !== 'Enter') return;
    var send = document.querySelector('[data-send]');
    if (e.ctrlKey && send) { e.preventDefault(); send.click(); return; }
    /* Enter goes on, as on paper: a half-filled form is not sent by it. */
    if (!form || !form.contains(e.target) || !/^(INPUT|SELECT)$/.test(e.target.tagName)) return;
    e.preventDefault();
    var order = all('input, textarea, select, button', form).filter(function (f) { return f.offsetParent && f.type !== 'hidden'; });
    var next = order[order.indexOf(e.target) + 1];
    if (next && e.target.dataset.filter && next.id === e.target.dataset.filter && next.value) next = order[order.indexOf(next) + 1];
    if (next) next.focus();
  });
})();
