/* A signature drawn with finger, pen or mouse travels in the form as a picture. Without this script the typed
   name stands for it. */
(function () {
  'use strict';
  var pad = document.querySelector('canvas[data-sign]');
  if (!pad || !pad.getContext) return;
  var box = document.getElementById(pad.dataset.sign), out = document.getElementById('drawing'), undo = document.querySelector('[data-clear]');
  var pen = pad.getContext('2d'), last = null, used = false;
  box.hidden = false;
  function ready() {
    var scale = window.devicePixelRatio || 1, r = pad.getBoundingClientRect();
    pad.width = Math.round(r.width * scale);
    pad.height = Math.round(r.height * scale);
    pen.scale(scale, scale);
    pen.lineWidth = 2.5;
    pen.lineCap = pen.lineJoin = 'round';
    pen.strokeStyle = '#10182a';
  }
  function at(e) { var r = pad.getBoundingClientRect(); return { x: e.clientX - r.left, y: e.clientY - r.top }; }
  pad.addEventListener('pointerdown', function (e) {
    e.preventDefault();
    pad.setPointerCapture(e.pointerId);
    last = at(e);
    pen.beginPath();
    pen.arc(last.x, last.y, 1.2, 0, 7);
    pen.fillStyle = pen.strokeStyle;
    pen.fill();
    used = true;
  });
  pad.addEventListener('pointermove', function (e) {
    if (!last) return;
    var p = at(e);
    pen.beginPath();
    pen.moveTo(last.x, last.y);
    pen.lineTo(p.x, p.y);
    pen.stroke();
    last = p;
  });
  function lift() { last = null; }
  pad.addEventListener('pointerup', lift);
  pad.addEventListener('pointercancel', lift);
  undo.addEventListener('click', function () { used = false; ready(); });
  out.form.addEventListener('submit', function () { out.value = used ? pad.toDataURL('image/png') : ''; });
  ready();
})();
