/* The application for workers in the field. What is typed lies sealed in this browser's database until the
   server has said that it stands. Order: words and helpers, database, sealing, entries, photos, sending, page.

   An entry is a draft, waiting, sent, in conflict or refused; each is told in words with a way out. Its id is
   the key the server knows it by, so that sending twice makes one case. Positions are asked for when the
   worker presses the button, once, and nowhere else. */
(function () {
  'use strict';
  var app = document.getElementById('field');
  if (!app) return;
  var $ = function (id) { return document.getElementById(id); };
  var all = function (css, el) { return Array.prototype.slice.call((el || document).querySelectorAll(css)); };
  var words = {};
  all('[data-w]', app).forEach(function (li) { words[li.dataset.w] = li.textContent; });
  function say(key, fill) { return (words[key] || key).replace(/\{(\w+)\}/g, function (m, n) { return fill && n in fill ? fill[n] : m; }); }
  function make(tag, cls, text) { var e = document.createElement(tag); if (cls) e.className = cls; if (text) e.textContent = text; return e; }
  function button(text, act, cls) { var b = make('button', 'btn s ' + (cls || ''), text); b.type = 'button'; b.addEventListener('click', act); return b; }
  function clear(el) { while (el.firstChild) el.removeChild(el.firstChild); }

  /* The kept page knows no cookies, so the switches are set here. */
  ['theme', 'size'].forEach(function (name) {
    var m = document.cookie.match(new RegExp('(?:^|; )' + name + '=(\\w+)'));
    if (m) document.documentElement.setAttribute('data-' + name, m[1]);
  });

  var keyLife = 24 * 3600 * 1000; /* how long the number of what was sent stays to be read */
  var maxPhotos = 5, maxSide = 1280, maxBytes = 250000;

  /* ---- database ---- */
  var db = null;
  function openDB() {
    return new Promise(function (done, fail) {
      var r = indexedDB.open('comity-field', 1);
      r.onupgradeneeded = function () {
        r.result.createObjectStore('keep', { keyPath: 'name' });
        r.result.createObjectStore('items', { keyPath: 'id' }).createIndex('tag', 'tag');
        r.result.createObjectStore('photos', { keyPath: 'id' }).createIndex('item', 'item');
      };
      r.onsuccess = function () { db = r.result; db.onversionchange = function () { db.close(); }; done(); };
      r.onerror = function () { fail(r.error); };
    });
  }
  function run(store, mode, act) {
    return new Promise(function (done, fail) {
      var t = db.transaction(store, mode, { durability: 'strict' }), r = act(t.objectStore(store));
      t.oncomplete = function () { done(r && r.result); };
      t.onerror = t.onabort = function () { fail(t.error); };
    });
  }
  var get = function (store, key) { return run(store, 'readonly', function (s) { return s.get(key); }); };
  var put = function (store, doc) { return run(store, 'readwrite', function (s) { return s.put(doc); }); };
  var drop = function (store, key) { return run(store, 'readwrite', function (s) { return s.delete(key); }); };
  var list = function (store, index, key) { return run(store, 'readonly', function (s) { return s.index(index).getAll(key); }); };

  /* ---- sealing: the key comes from the server, cannot be read out again, and is gone after a sign-out ---- */
  var me = null; /* {tag, key, name, home, until}; null = nothing can be opened */
  function seal(bytes) {
    var iv = crypto.getRandomValues(new Uint8Array(12));
    return crypto.subtle.encrypt({ name: 'AES-GCM', iv: iv }, me.key, bytes).then(function (data) { return { iv: iv, data: data }; });
  }
  function unseal(box) { return crypto.subtle.decrypt({ name: 'AES-GCM', iv: box.iv }, me.key, box.data); }
  function sealDoc(doc) { return seal(new TextEncoder().encode(JSON.stringify(doc))); }
  function unsealDoc(box) { return unseal(box).then(function (b) { return JSON.parse(new TextDecoder().decode(b)); }); }
  function lock() { me = null; items = []; cases = []; return run('keep', 'readwrite', function (s) { return s.clear(); }); }

  /* ---- entries ---- */
  var items = [], cases = [], current = null;
  function newId() {
    var abc = 'abcdefghijklmnopqrstuvwxyz234567';
    return Array.prototype.map.call(crypto.getRandomValues(new Uint8Array(26)), function (b) { return abc[b & 31]; }).join('');
  }
  /* One write at a time for each entry, or an older one could land last. One that failed, because the device
     was full, keeps no later one from being tried. */
  function written(it) { return Promise.resolve(it.writing).catch(function () {}); }
  function save(it) {
    if (!me) return Promise.resolve();
    it.writing = written(it).then(function () {
      if (!me || it.gone) return;
      var doc = {};
      ['kind', 'category', 'text', 'unit', 'address', 'lat', 'lon', 'ref', 'title', 'seq', 'anyway', 'tried', 'why', 'what', 'sent'].forEach(function (k) { if (it[k] !== undefined) doc[k] = it[k]; });
      var tag = me.tag;
      return sealDoc(doc).then(function (box) { return put('items', { id: it.id, tag: tag, state: it.state, at: it.at, iv: box.iv, data: box.data }); });
    });
    return it.writing;
  }
  /* Where nobody is typing: what a full device cannot keep is sent all the same. */
  function keep(it) { return save(it).catch(function () {}); }
  function load() {
    return list('items', 'tag', me.tag).then(function (rows) {
      return Promise.all(rows.map(function (row) {
        return unsealDoc(row).then(function (doc) { doc.id = row.id; doc.state = row.state; doc.at = row.at; return doc; }, function () { return null; });
      }));
    }).then(function (docs) {
      var now = Date.now();
      items = docs.filter(Boolean).filter(function (it) {
        if (it.state !== 'sent' || now - it.at < keyLife) return true;
        drop('items', it.id);
        return false;
      }).sort(function (a, b) { return b.at - a.at; });
    });
  }
  function discard(it) {
    it.gone = true;
    items = items.filter(function (x) { return x !== it; });
    return written(it).then(function () { return dropPhotos(it); }).then(function () { return drop('items', it.id); }).then(draw);
  }
  function dropPhotos(it) {
    return list('photos', 'item', it.id).then(function (rows) { return Promise.all(rows.map(function (r) { return drop('photos', r.id); })); });
  }

  /* ---- photos: made small and rebuilt from their pixels before they are kept, which drops where and when ---- */
  function shrink(file) {
    return createImageBitmap(file).then(function (pic) {
      var k = Math.min(1, maxSide / Math.max(pic.width, pic.height));
      var c = document.createElement('canvas');
      c.width = Math.max(1, Math.round(pic.width * k)); c.height = Math.max(1, Math.round(pic.height * k));
      c.getContext('2d').drawImage(pic, 0, 0, c.width, c.height);
      pic.close();
      var at = function (quality) {
        return new Promise(function (done) { c.toBlob(done, 'image/jpeg', quality); }).then(function (b) {
          if (!b) throw new Error('no picture');
          return b.size > maxBytes && quality > 0.4 ? at(quality - 0.15) : b;
        });
      };
      return at(0.75);
    });
  }
  function addPhotos(it, files) {
    var missed = false;
    return Array.prototype.reduce.call(files, function (before, file) {
      return before.then(function () {
        return list('photos', 'item', it.id).then(function (rows) {
          if (rows.length >= maxPhotos) return;
          return shrink(file).then(function (b) { return b.arrayBuffer(); }).then(seal).then(function (box) {
            return put('photos', { id: newId(), item: it.id, tag: me.tag, at: Date.now(), iv: box.iv, data: box.data });
          });
        }).catch(function (e) { missed = true; $('f-saved').textContent = e && e.name === 'QuotaExceededError' ? say('full') : say('photo.bad', { name: file.name }); });
      });
    }, Promise.resolve()).then(function () { if (!missed) $('f-saved').textContent = say('saved'); });
  }
  function photosOf(it) {
    return list('photos', 'item', it.id).then(function (rows) {
      rows.sort(function (a, b) { return a.at - b.at; });
      return Promise.all(rows.map(function (r) { return unseal(r).then(function (b) { return { id: r.id, blob: new Blob([b], { type: 'image/jpeg' }) }; }); }));
    });
  }

  /* ---- sending ---- */
  var online, /* neither before the first answer */ signedIn = false, busy = false;
  function ask(path, options) {
    options = options || {};
    var stop = new AbortController(), timer = setTimeout(function () { stop.abort(); }, options.body ? 300000 : 30000); /* photos over a weak network need minutes */
    options.redirect = 'manual'; options.credentials = 'same-origin'; options.cache = 'no-store'; options.signal = stop.signal;
    options.headers = { Accept: 'application/json' };
    return fetch(app.dataset.app + path, options).then(function (r) { clearTimeout(timer); online = true; return r; }, function (e) { clearTimeout(timer); online = false; throw e; });
  }
  function problem(r) {
    return r.json().then(function (p) {
      var why = (p.fields || []).map(function (f) { return f.detail; }).filter(Boolean);
      return { rule: String(p.type || ''), why: why.length ? why : [p.detail || p.title || String(r.status)] };
    }, function () { return { rule: '', why: [String(r.status)] }; });
  }
  function refresh() {
    return ask('/me').then(function (r) {
      if (r.type === 'opaqueredirect' || r.status === 401) { signedIn = false; return; }
      if (!r.ok) return problem(r).then(function (p) {
        signedIn = false;
        if (r.status !== 403 && r.status !== 404) return;
        closed(p.why.join(' ')); /* not on this device, or not in what this officer works on now */
        current = null;
        return lock();
      });
      return r.json().then(function (a) {
        var raw = Uint8Array.from(atob(a.key), function (c) { return c.charCodeAt(0); });
        return crypto.subtle.importKey('raw', raw, 'AES-GCM', false, ['encrypt', 'decrypt']).then(function (key) {
          if (me && me.tag !== a.tag) return leave().then(lock).then(function () { location.reload(); return new Promise(function () {}); }); /* somebody else signed in: the page begins anew, or the two would mix */
          me = { name: 'me', tag: a.tag, key: key, who: a.name, home: a.home, until: Date.now() + a.open };
          signedIn = true;
          cases = a.cases;
          return put('keep', me).then(function () { return sealDoc(cases); }).then(function (box) { return put('keep', { name: 'cases', tag: me.tag, iv: box.iv, data: box.data }); }).then(current ? function () {} : load);
        });
      });
    }, function () { /* no network: what is kept stays open until its time is over */ });
  }
  /* The oldest first. What failed lets the others go before it, and begins a round of its own when they are through. */
  function flush(more) {
    if (busy || !me || !signedIn) return Promise.resolve();
    var waiting = items.filter(function (x) { return x.state === 'waiting'; }), ready = waiting.filter(function (x) { return !x.paused; });
    if (!ready.length) {
      waiting.forEach(function (x) { x.paused = false; });
      if (more !== true) ready = waiting;
    }
    var it = ready.pop();
    if (!it) return Promise.resolve();
    busy = true; it.sending = true; it.tried = true;
    draw();
    return keep(it).then(function () { return photosOf(it); }).then(function (shots) {
      var f = new FormData();
      f.append('_key', it.id);
      f.append('tag', me.tag);
      ['kind', 'category', 'text', 'unit', 'address', 'lat', 'lon', 'ref'].forEach(function (k) { if (it[k]) f.append(k, it[k]); });
      if (it.kind === 'note') f.append('seq', String(it.seq));
      if (it.anyway) f.append('anyway', 'yes');
      shots.forEach(function (s, i) { f.append('files', s.blob, 'photo-' + (i + 1) + '.jpg'); });
      return ask('/send', { method: 'POST', body: f });
    }).then(function (r) {
      if (r.type === 'opaqueredirect' || r.status === 401) { signedIn = false; return; }
      if (r.status >= 500 || r.status === 429 || r.status === 408) { it.why = [say('fault')]; it.paused = true; return; }
      if (r.status === 409) return r.json().then(function (a) {
        if (a.state !== 'conflict') { it.state = 'refused'; it.why = [a.detail || a.title]; it.tried = false; return; }
        it.state = 'conflict'; it.what = a.what; it.tried = false;
      });
      if (!r.ok) return problem(r).then(function (p) {
        if (p.rule.indexOf('field.other') >= 0) { it.paused = true; return refresh(); }
        if (p.rule.indexOf('session.ended') >= 0 || p.rule.indexOf('counter.locked') >= 0) { signedIn = false; return; }
        it.state = 'refused'; it.why = p.why; it.tried = false;
      });
      return r.json().then(function (a) {
        it.state = 'sent'; it.sent = a.ref; it.at = Date.now();
        ['text', 'address', 'lat', 'lon', 'why', 'what'].forEach(function (k) { delete it[k]; }); /* it stands elsewhere now */
        return dropPhotos(it);
      });
    }).catch(function () { it.paused = true; }).then(function () {
      busy = false; it.sending = false;
      return keep(it);
    }).then(function () { draw(); return online && signedIn ? flush(true) : undefined; });
  }
  function look() { return refresh().then(draw).then(flush); }

  /* ---- page ---- */
  function closed(why) { $('f-closed').hidden = false; $('f-closed-words').textContent = why; }
  function wait(it) { it.state = 'waiting'; it.paused = false; it.why = undefined; return keep(it).then(function () { draw(); return flush(); }); }
  function nameOf(it) {
    if (it.kind === 'note') return say('note') + ' · ' + it.ref + (it.title ? ' · ' + it.title : '');
    var o = it.category && $('f-category').querySelector('option[value="' + CSS.escape(it.category) + '"]');
    return say('report') + (o ? ' · ' + o.textContent : '');
  }
  function copy(it) {
    var text = it.text || '';
    (navigator.clipboard ? navigator.clipboard.writeText(text) : Promise.reject()).then(function () { $('f-state').textContent = say('copied'); }, function () { edit(it); $('f-text').select(); });
  }
  function sure(question, keep) {
    return new Promise(function (done) {
      var box = $('f-sure');
      $('f-sure-h').textContent = question;
      box.querySelector('[data-sure="keep"]').hidden = !keep;
      box.onclick = function (e) { var b = e.target.closest('[data-sure]'); if (b) { box.close(b.dataset.sure); } };
      box.onclose = function () { done(box.returnValue || 'no'); };
      box.returnValue = '';
      box.showModal();
    });
  }
  function row(it) {
    var state = it.sending ? 'sending' : it.state, li = make('li'), box = make('div', 'grow stack'), row = make('p', 'row');
    li.dataset.state = state;
    box.appendChild(make('b', '', nameOf(it)));
    if (it.text) box.appendChild(make('p', 'sub f-clip', it.text));
    box.appendChild(make('p', 'sub f-said', say('state.' + state, { ref: it.sent || it.ref || '' })));
    (it.why || []).forEach(function (w) { box.appendChild(make('p', 'msg', w)); });
    if (state === 'conflict') {
      box.appendChild(make('p', '', say('since')));
      var happened = make('ul', 'f-since');
      (it.what || []).forEach(function (w) { happened.appendChild(make('li', '', w)); });
      box.appendChild(happened);
      row.appendChild(button(say('anyway'), function () { it.anyway = true; wait(it); }, 'prime'));
    }
    if (state === 'draft') row.appendChild(button(say('open'), function () { edit(it); }, 'prime'));
    if (state === 'refused') { row.appendChild(button(say('edit'), function () { edit(it); }, 'prime')); row.appendChild(button(say('again'), function () { wait(it); })); }
    if (state === 'waiting' && !it.tried) row.appendChild(button(say('edit'), function () { it.state = 'draft'; keep(it).then(function () { edit(it); }); }));
    if (state === 'waiting' && online && signedIn) row.appendChild(button(say('again'), function () { wait(it); }));
    if (it.text && state !== 'draft') row.appendChild(button(say('copy'), function () { copy(it); }));
    if (state === 'sent') row.appendChild(button(say('remove'), function () { discard(it); }, 'quiet'));
    else if (state !== 'sending') row.appendChild(button(say('discard'), function () { sure(say('discard.sure')).then(function (a) { if (a === 'drop') discard(it); }); }, 'bad'));
    box.appendChild(row);
    li.appendChild(box);
    return li;
  }
  function draw() {
    var waiting = items.filter(function (x) { return x.state === 'waiting'; }).length;
    $('f-state').textContent = say(online ? 'online' : online === false ? 'offline' : 'looking') + (me && signedIn ? ' · ' + me.who : '') + (waiting ? ' · ' + say('waiting', { n: waiting }) : '');
    $('f-signin').hidden = signedIn || !online;
    $('f-main').hidden = !me || Boolean(current);
    $('f-form').hidden = !me || !current;
    clear($('f-queue'));
    items.forEach(function (it) { $('f-queue').appendChild(row(it)); });
    $('f-queue-none').hidden = items.length > 0;
    clear($('f-cases'));
    cases.forEach(function (c) {
      var li = make('li'), box = make('div', 'grow');
      box.appendChild(make('b', '', c.title));
      box.appendChild(make('p', 'sub', c.ref + (c.due ? ' · ' + say('due', { date: c.due }) : '')));
      li.appendChild(box);
      li.appendChild(button(say('note'), function () { begin({ kind: 'note', ref: c.ref, title: c.title, seq: c.seq }); }));
      $('f-cases').appendChild(li);
    });
    $('f-cases-none').hidden = cases.length > 0;
  }
  function begin(it) {
    it.id = newId(); it.state = 'draft'; it.at = Date.now();
    items.unshift(it);
    keep(it).then(function () { edit(it); });
  }
  var form = $('f-form'), fields = ['category', 'text', 'unit', 'address', 'lat', 'lon'], timer = 0;
  function edit(it) {
    current = it;
    if (it.state === 'refused') it.state = 'draft';
    all('[data-report]', form).forEach(function (el) { el.hidden = it.kind !== 'report'; });
    fields.forEach(function (k) { form.elements[k].value = it[k] || ''; });
    if (it.kind === 'report' && it.unit === undefined && me.home) form.elements.unit.value = me.home;
    $('f-form-h').textContent = say(it.kind);
    $('f-form-about').textContent = it.kind === 'note' ? it.ref + ' ' + (it.title || '') : '';
    $('f-saved').textContent = (it.why || []).join(' ');
    point(); shots(); draw();
    $('f-form-h').focus();
  }
  function read() {
    var it = current;
    if (!it) return Promise.resolve();
    fields.forEach(function (k) { if (it.kind === 'report' || k === 'text') it[k] = form.elements[k].value; });
    return save(it).then(function () { $('f-saved').textContent = say('saved'); }, function (e) { $('f-saved').textContent = e && e.name === 'QuotaExceededError' ? say('full') : say('fault'); });
  }
  function keepSoon() { clearTimeout(timer); timer = setTimeout(read, 200); }
  function leave() { clearTimeout(timer); return read().then(function () { current = null; draw(); }); }
  function point() {
    var set = Boolean(form.elements.lat.value);
    $('f-point-off').hidden = !set;
    if (set) $('f-point-said').textContent = say('point', { at: form.elements.lat.value + ', ' + form.elements.lon.value });
  }
  function shots() {
    var it = current;
    return photosOf(it).then(function (list) {
      if (it !== current) return;
      all('img', $('f-shots')).forEach(function (i) { URL.revokeObjectURL(i.src); });
      clear($('f-shots'));
      list.forEach(function (s, n) {
        var li = make('li'), img = make('img');
        img.src = URL.createObjectURL(s.blob); img.alt = say('photos', { n: n + 1 });
        li.appendChild(img);
        li.appendChild(button(say('remove'), function () { drop('photos', s.id).then(shots); }));
        $('f-shots').appendChild(li);
      });
    });
  }
  form.addEventListener('input', keepSoon);
  form.addEventListener('change', keepSoon);
  addEventListener('pagehide', function () { if (current) read(); });
  document.addEventListener('visibilitychange', function () { if (document.hidden) { if (current) read(); } else look(); });
  form.addEventListener('submit', function (e) {
    e.preventDefault();
    clearTimeout(timer);
    var it = current;
    read().then(function () { return list('photos', 'item', it.id); }).then(function (rows) {
      if (!(it.text || '').trim() && !(it.kind === 'note' && rows.length) || it.kind === 'report' && !it.category) { $('f-saved').textContent = say('incomplete'); return; }
      current = null;
      return wait(it);
    });
  });
  $('f-report').addEventListener('click', function () { begin({ kind: 'report' }); });
  $('f-back').addEventListener('click', leave);
  $('f-drop').addEventListener('click', function () { var it = current; sure(say('discard.sure')).then(function (a) { if (a === 'drop') { current = null; discard(it); } }); });
  $('f-photos').addEventListener('change', function () {
    var it = current, files = Array.prototype.slice.call(this.files);
    this.value = '';
    addPhotos(it, files).then(shots);
  });
  $('f-point').addEventListener('click', function () {
    var it = current;
    if (!navigator.geolocation) { $('f-point-said').textContent = say('point.failed'); return; }
    navigator.geolocation.getCurrentPosition(function (at) {
      if (it !== current) return;
      form.elements.lat.value = at.coords.latitude.toFixed(5); form.elements.lon.value = at.coords.longitude.toFixed(5);
      point(); keepSoon();
    }, function () { $('f-point-said').textContent = say('point.failed'); }, { enableHighAccuracy: true, timeout: 15000, maximumAge: 0 });
  });
  $('f-point-off').addEventListener('click', function () { form.elements.lat.value = form.elements.lon.value = ''; $('f-point-said').textContent = ''; point(); keepSoon(); });
  $('f-out').addEventListener('click', function () {
    var open = items.filter(function (x) { return x.state !== 'sent'; });
    (open.length ? sure(say('moved', { n: open.length }), true) : Promise.resolve('keep')).then(function (a) {
      if (a === 'no') return;
      var before = a === 'drop' ? Promise.all(open.map(discard)) : Promise.resolve();
      return before.then(lock).then(function () { draw(); $('f-out-form').submit(); });
    });
  });
  addEventListener('online', look);
  addEventListener('offline', function () { online = false; draw(); });
  setInterval(function () {
    if (me && Date.now() > me.until) { current = null; signedIn = false; lock().then(look); return; }
    if (!document.hidden && (!online || items.some(function (x) { return x.state === 'waiting'; }))) look(); /* a network that is back does not always say so */
  }, 60000);

  if (!window.indexedDB || !window.crypto || !crypto.subtle || !navigator.serviceWorker) { closed(say('other')); return; }
  var worker = window.trustedTypes ? trustedTypes.createPolicy('comity-field', { createScriptURL: function () { return app.dataset.worker; } }).createScriptURL('') : app.dataset.worker;
  navigator.serviceWorker.register(worker, { scope: app.dataset.app }).catch(function () { /* works as long as there is a network */ });
  if (navigator.storage && navigator.storage.persist) navigator.storage.persist();
  draw(); /* the database and the first answer may take their time, and an empty page says nothing */
  openDB().then(function () { return get('keep', 'me'); }).then(function (kept) {
    if (!kept) return;
    if (Date.now() > kept.until) return lock();
    me = kept;
    return get('keep', 'cases').then(function (box) { return box && box.tag === me.tag ? unsealDoc(box).then(function (c) { cases = c; }) : undefined; }).then(load).then(draw);
  }).then(look).catch(function () { closed(say('closed')); });
})();
