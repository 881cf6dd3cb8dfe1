/* Checks a receipt in the browser: the same steps as package receipt, in the same order, with the same
   reasons. It asks the network for nothing; keys and words stand in the page. Without this script the
   form goes to the server. */
(function () {
  'use strict';
  var form = document.getElementById('check'), result = document.getElementById('result');
  if (!form || !window.crypto || !crypto.subtle || !window.BigInt || !window.TextEncoder) return;

  var utf8 = new TextEncoder(), strict = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
  var MAX = 16384, MAX_HEAD = 4096, MAX_PROOF = 62, MAX_SIZE = 1n << 60n, DASH = '\u2014 ';
  function refuse(reason) { var e = new Error(reason); e.reason = reason; return e; }
  function need(ok, reason) { if (!ok) throw refuse(reason); }

  /* Bytes. */
  function join() {
    var parts = Array.prototype.slice.call(arguments), out = new Uint8Array(parts.reduce(function (n, p) { return n + p.length; }, 0)), at = 0;
    parts.forEach(function (p) { out.set(p, at); at += p.length; });
    return out;
  }
  function same(a, b) { return a.length === b.length && a.every(function (x, i) { return x === b[i]; }); }
  function sha256(bytes) { return crypto.subtle.digest('SHA-256', bytes).then(function (d) { return new Uint8Array(d); }); }
  function base64(bytes) { return btoa(Array.prototype.map.call(bytes, function (b) { return String.fromCharCode(b); }).join('')); }
  function unbase64(text, reason) {
    try {
      var raw = Uint8Array.from(atob(text), function (c) { return c.charCodeAt(0); });
      if (base64(raw) === text) return raw;
    } catch (e) { /* refused below */ }
    throw refuse(reason);
  }
  function unbase64url(text, reason) {
    need(/^[A-Za-z0-9_-]*$/.test(text), reason);
    return unbase64(text.replace(/-/g, '+').replace(/_/g, '/') + '==='.slice(0, (4 - text.length % 4) % 4), reason);
  }
  function hash(text) {
    var raw = unbase64(text, 'malformed');
    need(raw.length === 32, 'malformed');
    return raw;
  }

  /* The two forms of a receipt. */
  var moment = /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,6}))?Z$/;
  function micros(text) {
    var m = moment.exec(text), ms = m ? Date.parse(m[1] + 'Z') : NaN;
    need(!isNaN(ms), 'malformed');
    return BigInt(ms) * 1000n + BigInt((m[2] || '').padEnd(6, '0'));
  }
  function exactly(o, names) {
    need(o !== null && typeof o === 'object' && Object.keys(o).sort().join() === names.split(' ').sort().join(), 'malformed');
    return o;
  }
  function parse(text) {
    text = text.replace(/^\uFEFF/, '').trim();
    need(text !== '' && text.length <= MAX, 'malformed');
    return text[0] === '{' ? parseFile(text) : parseLine(text);
  }
  function parseFile(text) {
    var o;
    try { o = JSON.parse(text); } catch (e) { throw refuse('malformed'); }
    need(o !== null && typeof o === 'object', 'malformed');
    need(o.comity_receipt === 1, Number.isSafeInteger(o.comity_receipt) && o.comity_receipt > 1 ? 'format' : 'malformed');
    exactly(o, 'comity_receipt case event at event_hash record pos proof head key');
    exactly(o.record, 'kind id hash');
    need([o.case, o.event, o.at, o.event_hash, o.record.kind, o.record.id, o.record.hash, o.head, o.key].every(function (s) { return typeof s === 'string'; }), 'malformed');
    need(Number.isSafeInteger(o.pos) && Array.isArray(o.proof) && o.proof.every(function (s) { return typeof s === 'string'; }), 'malformed');
    return { case: o.case, event: o.event, at: micros(o.at), hash: hash(o.event_hash), kind: o.record.kind, id: o.record.id, record: hash(o.record.hash),
      pos: BigInt(o.pos), proof: o.proof.map(hash), head: o.head, key: o.key };
  }
  function parseLine(text) {
    text = text.slice(text.lastIndexOf('#') + 1);
    need(text.indexOf('R1.') === 0, 'malformed');
    var raw = unbase64url(text.slice(3), 'malformed'), at = 0;
    function take(n) { need(n <= raw.length - at, 'malformed'); at += n; return raw.subarray(at - n, at); }
    function number() {
      for (var v = 0n, shift = 0n; shift < 64n; shift += 7n) {
        var b = BigInt(take(1)[0]);
        v |= (b & 127n) << shift;
        if (b < 128n) { need(b > 0n || shift === 0n, 'malformed'); return v; }
      }
      throw refuse('malformed');
    }
    function words() {
      var n = number();
      need(n <= BigInt(MAX_HEAD), 'malformed');
      try { return strict.decode(take(Number(n))); } catch (e) { throw refuse('malformed'); }
    }
    var r = { case: words(), event: words(), kind: words(), id: words(), key: words(), head: words() }, zigzag = number();
    r.at = (zigzag >> 1n) ^ -(zigzag & 1n);
    r.pos = number();
    need(r.pos < 1n << 63n, 'malformed');
    r.hash = take(32);
    r.proof = [];
    while (at < raw.length) r.proof.push(take(32));
    return r;
  }
  function line(s) { return s !== '' && utf8.encode(s).length <= 100 && !/[\u0000-\u001f\u007f]/.test(s); }
  function shape(r) {
    need([r.case, r.event, r.kind, r.id].every(line) && r.proof.length <= MAX_PROOF && /^[!-~]{1,200}$/.test(r.key), 'malformed');
    need(r.at >= 0n && r.at < 253402300800000000n, 'malformed');
  }

  /* The signed head. */
  function parseHead(text) {
    var end = text.indexOf('\n\n'), lines = text.slice(0, end).split('\n');
    need(utf8.encode(text).length <= MAX_HEAD && end > 0 && lines.length === 4 && text.endsWith('\n'), 'head');
    var m = /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ)$/.exec(lines[3]);
    need(/^[!-*,-~]{1,200}$/.test(lines[0]) && /^(0|[1-9]\d{0,18})$/.test(lines[1]) && m && !isNaN(Date.parse(m[1])), 'head');
    var h = { origin: lines[0], size: BigInt(lines[1]), root: unbase64(lines[2], 'head'), at: Date.parse(m[1]), body: text.slice(0, end + 1) };
    need(h.size <= MAX_SIZE && h.root.length === 32, 'head');
    h.marks = text.slice(end + 2, -1).split('\n').map(function (l) {
      var s = /^([!-*,-~]{1,200}) ([A-Za-z0-9+\/=]+)$/.exec(l.slice(DASH.length));
      need(l.indexOf(DASH) === 0 && s, 'head');
      var raw = unbase64(s[2], 'head');
      need(raw.length >= 5, 'head');
      return { name: s[1], key: raw.subarray(0, 4), sig: raw.subarray(4) };
    });
    return h;
  }
  function standard(key) {
    if (key.indexOf('std:') !== 0) return null;
    try { var raw = unbase64url(key.slice(4), 'suite'); return raw.length === 32 ? raw : null; } catch (e) { return null; }
  }
  /* signed answers true, or null where this browser knows no such signature. */
  async function signed(h, key) {
    var raw = standard(key), kept = raw ? join([1], raw) : join([255], utf8.encode(key));
    var id = (await sha256(join(utf8.encode(h.origin + '\n'), kept))).subarray(0, 4);
    var mark = h.marks.find(function (m) { return m.name === h.origin && same(m.key, id); });
    need(mark, 'signature');
    if (!raw) return null;
    var known;
    try { known = await crypto.subtle.importKey('raw', raw, { name: 'Ed25519' }, false, ['verify']); } catch (e) { return null; }
    need(mark.sig.length === 64 && await crypto.subtle.verify({ name: 'Ed25519' }, known, mark.sig, utf8.encode(h.body)), 'signature');
    return true;
  }

  /* The way from the leaf to the root, RFC 9162 section 2.1.3.2. */
  async function leads(r, h) {
    var n = r.pos, last = h.size - 1n;
    var at = await sha256(join([0], utf8.encode(r.kind + '\0' + r.id + '\0'), r.record));
    for (var i = 0; i < r.proof.length; i++) {
      need(last !== 0n, 'proof');
      if (n & 1n || n === last) {
        at = await sha256(join([1], r.proof[i], at));
        while (!(n & 1n) && n !== 0n) { n >>= 1n; last >>= 1n; }
      } else {
        at = await sha256(join([1], at, r.proof[i]));
      }
      n >>= 1n; last >>= 1n;
    }
    need(last === 0n && same(at, h.root), 'proof');
  }

  async function check(text) {
    var r = parse(text);
    shape(r);
    var digest = await sha256(join(utf8.encode('comity receipt 1\n' + r.case + '\n' + r.event + '\n' + r.at + '\n'), r.hash));
    r.record = r.record || digest;
    need(same(digest, r.record), 'case');
    need(form.dataset.keys.split(' ').indexOf(r.key) >= 0, 'key');
    var h = parseHead(r.head);
    need(h.origin === form.dataset.origin, 'origin');
    var sure = await signed(h, r.key);
    need(r.pos >= 0n && r.pos < h.size, 'proof');
    await leads(r, h);
    return { state: sure ? 'true' : 'tree', r: r, h: h };
  }

  /* What the person sees. */
  function all(css) { return Array.prototype.slice.call(result.querySelectorAll(css)); }
  function when(ms) {
    return new Date(ms).toLocaleString(document.documentElement.lang, { timeZone: form.dataset.zone === 'Local' ? undefined : form.dataset.zone, dateStyle: 'long', timeStyle: 'medium' });
  }
  function show(state, reason, found) {
    result.hidden = false;
    result.dataset.state = state;
    all('[data-for]').forEach(function (e) { e.hidden = e.dataset.for.split(' ').indexOf(state) < 0; });
    all('[data-reason]').forEach(function (e) { e.hidden = e.dataset.reason !== reason; });
    var facts = found ? { case: found.r.case, event: found.r.event, at: when(Number(found.r.at / 1000n)), pos: String(found.r.pos), signed: when(found.h.at), size: String(found.h.size) } : {};
    all('[data-fact]').forEach(function (e) { e.textContent = facts[e.dataset.fact] || ''; });
    result.focus();
  }
  var field = document.getElementById('receipt'), file = document.getElementById('file'), empty = document.getElementById('receipt-e');
  async function run() {
    var chosen = file.files[0];
    if (chosen && chosen.size > MAX) { show('false', 'malformed'); return; }
    var text = chosen ? await chosen.text() : field.value;
    empty.hidden = text.trim() !== '';
    if (!empty.hidden) { result.hidden = true; field.focus(); return; }
    try {
      var found = await check(text);
      show(found.state, '', found);
    } catch (e) {
      if (!e.reason) throw e;
      show('false', e.reason);
    }
  }
  form.addEventListener('submit', function (e) {
    if (e.submitter && e.submitter.name === 'server') return;
    e.preventDefault();
    run();
  });
  document.querySelectorAll('[data-with], [data-without]').forEach(function (e) { e.hidden = e.hasAttribute('data-without'); });
  function fromAddress() {
    if (location.hash.indexOf('#R1.') !== 0) return;
    file.value = '';
    field.value = location.hash.slice(1);
    run();
  }
  window.addEventListener('hashchange', fromAddress);
  fromAddress();
})();
