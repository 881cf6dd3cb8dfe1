/* Comity interface script. Every page works without it; it only makes work faster.
   No framework, no inline handlers, no eval: runs under a strict content security policy. */
(function () {
  'use strict';
  var root = document.documentElement;
  var all = function (css, el) { return Array.prototype.slice.call((el || document).querySelectorAll(css)); };

  /* Preferences live in cookies so that the server renders them before first paint. Without script
     the same buttons post to /prefs. */
  var values = { theme: ['light', 'dark'], size: ['normal', 'large'], density: ['roomy', 'compact'], keys: ['on', 'off'] };
  function flip(name) {
    var now = root.getAttribute('data-' + name), set = values[name][now === values[name][1] ? 0 : 1];
    root.setAttribute('data-' + name, set);
    document.cookie = name + '=' + set + ';path=/;max-age=31536000;samesite=lax' + (location.protocol === 'https:' ? ';secure' : '');
    all('[data-set="' + name + '"]').forEach(function (b) {
      b.setAttribute('aria-pressed', String(set === values[name][1]));
      b.value = values[name][set === values[name][1] ? 0 : 1];
    });
  }
  document.addEventListener('click', function (e) {
    var b = e.target.closest('[data-set]');
    if (b && values[b.dataset.set]) { e.preventDefault(); flip(b.dataset.set); }
    var d = e.target.closest('[data-open]');
    if (d) { var box = document.getElementById(d.dataset.open); if (box && box.showModal) box.showModal(); }
    if (e.target.closest('[data-print]')) window.print();
    if (e.target.closest('[data-again]')) location.reload(); /* sends the form again, with its key */
  });
  all('[data-print][hidden], [data-again][hidden]').forEach(function (b) { b.hidden = false; });

  /* After a form with mistakes the summary is read first. */
  var first = document.querySelector('[data-focus]');
  if (first) first.focus();

  /* Choice controls show their state even where :has() is missing. */
  document.addEventListener('change', function (e) {
    var box = e.target.closest('.opt, .tile, .seg label');
    if (!box) return;
    if (e.target.type === 'checkbox') { box.classList.toggle('sel', e.target.checked); return; }
    if (e.target.type !== 'radio') return;
    showChoice(e.target.name);
    var composer = e.target.closest('.compose');
    if (composer) composer.classList.toggle('pub', e.target.value === 'public');
  });
  function showChoice(name) {
    Array.prototype.forEach.call(document.getElementsByName(name), function (r) {
      var o = r.closest('.opt, .tile, .seg label');
      if (o) o.classList.toggle('sel', r.checked);
    });
  }

  /* Chosen files are named beside the control. */
  all('input[type="file"][data-names]').forEach(function (f) {
    var out = document.getElementById(f.dataset.names);
    if (out) f.addEventListener('change', function () {
      out.textContent = Array.prototype.map.call(f.files, function (x) { return x.name; }).join(', ');
    });
  });

  /* Stock replies: a click puts the text where the cursor is; "::" typed in the field opens the list. */
  function put(f, from, to, text) {
    f.value = f.value.slice(0, from) + text + f.value.slice(to);
    f.focus();
    f.setSelectionRange(from + text.length, from + text.length);
    f.dispatchEvent(new Event('input', { bubbles: true }));
  }
  document.addEventListener('click', function (e) {
    var a = e.target.closest('[data-reply]'), f = a && document.getElementById(a.dataset.reply);
    if (!f) return;
    e.preventDefault();
    a.closest('details').open = false;
    put(f, f.selectionStart, f.selectionEnd, a.dataset.text);
  });
  document.addEventListener('input', function (e) {
    var f = e.target, at = f.selectionStart;
    if (e.isComposing || !f.id || f.tagName !== 'TEXTAREA' || !/(::|：：)$/.test(f.value.slice(0, at))) return;
    var box = document.querySelector('[data-replies="' + f.id + '"]');
    if (!box) return;
    put(f, at - 2, at, '');
    box.open = true;
    box.querySelector('a').focus();
  });

  /* Drafts stay on this device until the report was sent. */
  function store(act) { try { return act(window.localStorage); } catch (err) { return null; } }
  all('form[data-draft]').forEach(function (form) {
    var name = 'draft:' + form.dataset.draft;
    var fields = function () { return all('input, textarea, select', form).filter(function (f) { return f.name && !/^(hidden|file|submit|password)$/.test(f.type) && f.name.charAt(0) !== '_'; }); };
    var filled = fields().some(function (f) { return /^(radio|checkbox)$/.test(f.type) ? f.checked !== f.defaultChecked : f.value !== f.defaultValue && f.tagName !== 'SELECT'; });
    var saved = store(function (s) { return JSON.parse(s.getItem(name) || 'null'); });
    if (saved && !filled && !form.hasAttribute('data-kept')) {
      fields().forEach(function (f) {
        if (!(f.name in saved)) return;
        if (/^(radio|checkbox)$/.test(f.type)) {
          f.checked = saved[f.name] === f.value;
          if (f.checked) { var d = f.closest('details'); if (d) d.open = true; }
          if (f.type === 'radio') showChoice(f.name);
        } else f.value = saved[f.name];
      });
    }
    var timer = 0;
    function keep() {
      var now = {};
      fields().forEach(function (f) { if (!/^(radio|checkbox)$/.test(f.type) || f.checked) now[f.name] = f.value; });
      store(function (s) { s.setItem(name, JSON.stringify(now)); });
    }
    form.addEventListener('input', function () { clearTimeout(timer); timer = setTimeout(keep, 800); });
    form.addEventListener('change', keep);
  });
  all('[data-draft-done]').forEach(function (el) { store(function (s) { s.removeItem('draft:' + el.dataset.draftDone); }); });

  /* Where nobody is signed in, what a worker wrote for the field is closed: the key goes, the sealed words stay. */
  if (document.querySelector('[data-seal]') && window.indexedDB) {
    var kept = indexedDB.open('comity-field');
    kept.onupgradeneeded = function () { kept.transaction.abort(); }; /* there was nothing here */
    kept.onerror = function (e) { e.preventDefault(); };
    kept.onsuccess = function () {
      var names = kept.result.objectStoreNames;
      if (names.contains('keep')) kept.result.transaction('keep', 'readwrite').objectStore('keep').clear();
      kept.result.close();
    };
  }

  /* The position on the drawn map: a click or the device, into two plain fields. */
  all('[data-map]').forEach(function (map) {
    var svg = map.querySelector('svg'), pin = map.querySelector('[data-pin]');
    var lat = document.getElementById(map.dataset.lat), lon = document.getElementById(map.dataset.lon);
    var system = document.getElementById(map.dataset.system || '');
    var box = map.dataset.map.split(',').map(Number); /* south, west, north, east */
    var size = svg.viewBox.baseVal, said = document.getElementById(map.dataset.said);
    function put(a, o) {
      if (a < box[0] || a > box[2] || o < box[1] || o > box[3]) { if (said) said.textContent = said.dataset.outside; return; }
      lat.value = a.toFixed(6); lon.value = o.toFixed(6);
      if (system) system.value = ''; /* the drawing is in WGS 84 */
      pin.removeAttribute('hidden'); pin.removeAttribute('display');
      pin.setAttribute('transform', 'translate(' + (o - box[1]) / (box[3] - box[1]) * size.width + ' ' + (box[2] - a) / (box[2] - box[0]) * size.height + ')');
      if (said) said.textContent = said.dataset.set;
      lat.dispatchEvent(new Event('input', { bubbles: true }));
    }
    svg.addEventListener('click', function (e) {
      var r = svg.getBoundingClientRect();
      put(box[2] - (e.clientY - r.top) / r.height * (box[2] - box[0]), box[1] + (e.clientX - r.left) / r.width * (box[3] - box[1]));
    });
    all('[data-locate]').forEach(function (b) {
      if (!navigator.geolocation) return;
      b.hidden = false;
      b.addEventListener('click', function () {
        b.setAttribute('aria-busy', 'true');
        navigator.geolocation.getCurrentPosition(function (at) {
          b.removeAttribute('aria-busy'); put(at.coords.latitude, at.coords.longitude);
          document.dispatchEvent(new CustomEvent('comity:place', { detail: [at.coords.latitude, at.coords.longitude] }));
        }, function () { b.removeAttribute('aria-busy'); if (said) said.textContent = said.dataset.failed; }, { enableHighAccuracy: true, timeout: 15000, maximumAge: 60000 });
      });
    });
  });

  /* Work list: selection, bulk bar, real focus moved between the row links. */
  var list = document.querySelector('.list tbody');
  var rows = list ? Array.prototype.slice.call(list.rows) : [];
  var at = rows.findIndex(function (r) { return r.classList.contains('on'); });
  var bulk = document.querySelector('.bulk'), idle = document.querySelector('.idle');
  var picked = function (r) { var b = r.querySelector('.pick input'); return Boolean(b && b.checked); };

  function count() {
    var n = rows.filter(picked).length;
    rows.forEach(function (r) { if (r.querySelector('.pick input')) r.setAttribute('aria-selected', String(picked(r))); });
    if (!bulk) return;
    bulk.hidden = n === 0;
    if (idle) idle.hidden = n > 0;
    var out = bulk.querySelector('output');
    if (out) out.textContent = n;
  }
  function link(row) { return row.querySelector('.what a, a'); }
  function go(to) {
    at = Math.max(0, Math.min(rows.length - 1, to));
    rows.forEach(function (r, i) { r.classList.toggle('on', i === at); });
    if (link(rows[at])) link(rows[at]).focus();
  }
  if (list) {
    list.addEventListener('change', count);
    list.addEventListener('focusin', function (e) {
      var i = rows.indexOf(e.target.closest('tr'));
      if (i >= 0) { at = i; rows.forEach(function (r, j) { r.classList.toggle('on', j === at); }); }
    });
    if (bulk) count();
    all('[data-all]').forEach(function (b) {
      b.addEventListener('click', function (e) {
        e.preventDefault();
        var boxes = all('.pick input', list), on = boxes.some(function (x) { return !x.checked; });
        boxes.forEach(function (x) { x.checked = on; });
        count();
      });
    });
  }

  /* Keys. Single letters only, never browser or input-method combinations, and a person can turn them off. */
  var typing = function (el) { return el.isContentEditable || (/^(INPUT|TEXTAREA|SELECT)$/.test(el.tagName) && !/^(checkbox|radio|submit|button)$/.test(el.type)); };
  var lead = '', timer = 0;
  document.addEventListener('keydown', function (e) {
    if (e.isComposing || e.keyCode === 229) return;
    if (e.ctrlKey || e.metaKey || e.altKey) return;
    if (typing(e.target)) { if (e.key === 'Escape') e.target.blur(); return; }
    if (root.getAttribute('data-keys') === 'off' || document.querySelector('dialog[open]')) return;
    var key = e.key.length === 1 ? e.key.toLowerCase() : e.key;
    var combo = lead ? lead + ' ' + key : key;
    lead = '';
    if (combo === 'g' && document.querySelector('[data-key^="g "]')) { lead = 'g'; clearTimeout(timer); timer = setTimeout(function () { lead = ''; }, 1200); return; }
    if (rows.length && (combo === 'j' || combo === 'ArrowDown')) { go(at + 1); e.preventDefault(); return; }
    if (rows.length && (combo === 'k' || combo === 'ArrowUp')) { go(at - 1); e.preventDefault(); return; }
    if (rows.length && combo === 'x' && at >= 0) { var box = rows[at].querySelector('.pick input'); if (box) box.click(); return; }
    if (rows.length && combo === 'o' && at >= 0 && link(rows[at])) { link(rows[at]).click(); return; }
    if (rows.length && combo === 'v') { flip('density'); return; }
    var hit = all('[data-key]').filter(function (el) { return el.dataset.key === combo && !el.disabled && !el.closest('[hidden]'); })[0];
    if (!hit) return;
    e.preventDefault();
    if (/^(INPUT|TEXTAREA|SELECT)$/.test(hit.tagName) && !/^(checkbox|radio|submit|button)$/.test(hit.type)) hit.focus(); else hit.click();
  });
})();
