/* A map that can be moved, where the drawn one is not enough. Leaflet is fetched when somebody asks for the map and not
   before; pictures come from the city itself. Without this script the drawing, the list and the address stay. */
const buttons = document.querySelectorAll('[data-live]');

/* Words and buttons are made as nodes, never as markup: the page's policy allows no other way. */
function node(name, attributes, ...inside) {
  const el = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) el.setAttribute(key, value);
  el.append(...inside);
  return el;
}

async function open(button) {
  const o = button.dataset;
  const sheet = node('link', { rel: 'stylesheet', href: o.css });
  const styled = new Promise((done) => { sheet.addEventListener('load', done); sheet.addEventListener('error', done); });
  document.head.append(sheet);
  const [, shapes] = await Promise.all([import(o.leaflet), fetch(o.shapes).then((a) => a.json()), styled]);
  const L = window.L;
  const figure = button.closest('figure');
  const drawn = figure.querySelector('svg.plan');
  const box = o.box.split(',').map(Number); /* south, west, north, east */
  const place = node('div', { class: 'live', role: 'application', 'aria-label': o.label });
  drawn.replaceWith(place);

  const still = matchMedia('(prefers-reduced-motion: reduce)').matches;
  const map = L.map(place, { zoomControl: false, attributionControl: false, minZoom: Number(o.from), maxZoom: Number(o.to),
    zoomAnimation: !still, fadeAnimation: !still, inertia: !still });
  if (o.tiles) L.tileLayer(o.tiles, { minNativeZoom: Number(o.from), maxNativeZoom: Number(o.to), className: 'tiles' }).addTo(map);
  L.geoJSON(shapes, { interactive: false, style: (f) => ({ className: 'shape ' + f.properties.kind }) }).addTo(map);

  const pin = L.circleMarker([0, 0], { radius: 9, className: 'livepin', interactive: false });
  const at = o.at ? o.at.split(',').map(Number) : null;
  if (at) { pin.setLatLng(at).addTo(map); map.setView(at, Math.min(16, Number(o.to))); }
  else map.fitBounds([[box[0], box[1]], [box[2], box[3]]]);

  const bar = node('div', { class: 'livebar row' });
  const press = (words, glyph, act) => {
    const b = node('button', { type: 'button', class: 'btn', 'aria-label': words }, glyph);
    b.addEventListener('click', act);
    bar.append(b);
  };
  press(o.closer, '+', () => map.zoomIn());
  press(o.wider, '\u2212', () => map.zoomOut());

  const lat = document.getElementById(figure.dataset.lat || ''), lon = document.getElementById(figure.dataset.lon || '');
  if (lat && lon) {
    const system = document.getElementById(o.systemfield || ''), said = document.getElementById(figure.dataset.said || '');
    const put = (p) => {
      lat.value = p.lat.toFixed(6); lon.value = p.lng.toFixed(6);
      if (system) system.value = o.system;
      pin.setLatLng(p).addTo(map);
      if (said) said.textContent = said.dataset.set;
      lat.dispatchEvent(new Event('input', { bubbles: true }));
    };
    map.on('click', (e) => put(e.latlng));
    place.append(node('span', { class: 'cross', 'aria-hidden': 'true' }));
    press(o.here, o.here, () => put(map.getCenter())); /* by keyboard: arrow keys move the map below the cross */
    document.addEventListener('comity:place', (e) => { /* the device told its place, in WGS 84 */
      if (o.system !== 'wgs84') return;
      const p = L.latLng(e.detail[0], e.detail[1]);
      pin.setLatLng(p).addTo(map); map.setView(p, Math.min(16, Number(o.to)));
    });
  }
  place.after(bar);
  button.remove();
  place.focus();
}

buttons.forEach((button) => {
  button.hidden = false;
  button.addEventListener('click', async () => {
    button.setAttribute('aria-busy', 'true');
    try { await open(button); } catch (e) {
      button.removeAttribute('aria-busy');
      button.textContent = button.dataset.failed;
      throw e;
    }
  });
});
