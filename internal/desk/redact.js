// Drawing boxes on the photo fills the numbers of the form, which says the same without this script.
"use strict";
(() => {
  const photo = document.getElementById("redact-photo");
  const rows = [...document.querySelectorAll("fieldset.box")].map((f) => [...f.querySelectorAll("input")]);
  if (!photo || rows.length === 0) return;
  const canvas = document.createElement("canvas");
  const begin = () => {
    canvas.width = photo.naturalWidth;
    canvas.height = photo.naturalHeight;
    canvas.setAttribute("role", "img");
    canvas.setAttribute("aria-label", photo.alt);
    photo.after(canvas);
    photo.hidden = true;
    document.getElementById("drawing").hidden = false;
    show();
  };
  const boxOf = (row) => row.map((i) => parseInt(i.value, 10)).map((n) => (n >= 0 ? n : 0));
  const show = (more) => {
    const g = canvas.getContext("2d");
    g.drawImage(photo, 0, 0);
    g.fillStyle = "#000";
    for (const row of rows) g.fillRect(...boxOf(row));
    if (more) g.fillRect(...more);
  };
  const at = (e) => {
    const r = canvas.getBoundingClientRect();
    const clip = (v, most) => Math.round(Math.min(Math.max(v, 0), most));
    return [clip(((e.clientX - r.left) / r.width) * canvas.width, canvas.width), clip(((e.clientY - r.top) / r.height) * canvas.height, canvas.height)];
  };
  const between = (a, b) => [Math.min(a[0], b[0]), Math.min(a[1], b[1]), Math.abs(a[0] - b[0]), Math.abs(a[1] - b[1])];
  let from = null;
  canvas.addEventListener("pointerdown", (e) => {
    from = at(e);
    canvas.setPointerCapture(e.pointerId);
    e.preventDefault();
  });
  canvas.addEventListener("pointermove", (e) => from && show(between(from, at(e))));
  canvas.addEventListener("pointercancel", () => {
    from = null;
    show();
  });
  canvas.addEventListener("pointerup", (e) => {
    if (!from) return;
    const box = between(from, at(e));
    from = null;
    const free = rows.find((row) => row.every((i) => i.value === ""));
    if (free && box[2] > 2 && box[3] > 2) free.forEach((i, n) => (i.value = box[n]));
    show();
  });
  rows.flat().forEach((i) => i.addEventListener("input", () => show()));
  if (photo.complete && photo.naturalWidth) begin();
  else photo.addEventListener("load", begin, { once: true });
})();
