/* Passkeys. Forms that need them are hidden until this script finds that the browser has them; the
   answer of the authenticator travels in the form, so that everything after it is a plain page. */
(function () {
  'use strict';
  if (!window.PublicKeyCredential || !navigator.credentials || !window.isSecureContext) return;

  function bytes(s) {
    var b = atob(s.replace(/-/g, '+').replace(/_/g, '/')), out = new Uint8Array(b.length);
    for (var i = 0; i < b.length; i++) out[i] = b.charCodeAt(i);
    return out.buffer;
  }
  function text(buffer) {
    if (!buffer) return undefined;
    var s = '';
    new Uint8Array(buffer).forEach(function (x) { s += String.fromCharCode(x); });
    return btoa(s).replace(/\+/g, '-').replace(/\//g, '_').replace(/=+$/, '');
  }
  function readable(o) {
    o.challenge = bytes(o.challenge);
    if (o.user) o.user.id = bytes(o.user.id);
    ['excludeCredentials', 'allowCredentials'].forEach(function (k) {
      (o[k] || []).forEach(function (c) { c.id = bytes(c.id); });
    });
    return o;
  }
  function answer(c) {
    var r = c.response;
    return JSON.stringify({
      id: c.id, rawId: text(c.rawId), type: c.type, authenticatorAttachment: c.authenticatorAttachment || undefined,
      clientExtensionResults: c.getClientExtensionResults(),
      response: {
        clientDataJSON: text(r.clientDataJSON), attestationObject: text(r.attestationObject), authenticatorData: text(r.authenticatorData),
        signature: text(r.signature), userHandle: text(r.userHandle), transports: r.getTransports ? r.getTransports() : undefined
      }
    });
  }

  Array.prototype.forEach.call(document.querySelectorAll('form[data-passkey]'), function (form) {
    var wrong = form.querySelector('[data-passkey-wrong]'), button = form.querySelector('button[type="submit"]');
    form.hidden = false;
    form.addEventListener('submit', function (e) {
      e.preventDefault();
      wrong.hidden = true;
      button.disabled = true;
      fetch(form.dataset.passkey, { method: 'POST', headers: { Accept: 'application/json' } }).then(function (res) {
        return res.json().then(function (body) {
          if (body.again) { location.href = body.again; return new Promise(function () {}); }
          if (!res.ok) throw new Error(body.detail || String(res.status));
          form.elements.ticket.value = body.ticket;
          var options = { publicKey: readable(body.options) };
          return form.dataset.make ? navigator.credentials.create(options) : navigator.credentials.get(options);
        });
      }).then(function (credential) {
        form.elements.answer.value = answer(credential);
        form.submit();
      }).catch(function () {
        wrong.hidden = false;
        button.disabled = false;
      });
    });
  });
})();
