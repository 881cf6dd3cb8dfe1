// Photos leave at once and in pieces, and go on where a weak line broke. Without this script, or when it does not get
// through, the form sends the file itself.
"use strict";
(() => {
  const field = document.getElementById("photos");
  if (!field || !window.fetch || !field.form) return;
  const piece = 256 * 1024;
  const list = document.getElementById("photos-coming");
  const head = { "Tus-Resumable": "1.0.0" };
  const coded = (s) => btoa(String.fromCharCode(...new TextEncoder().encode(s)));
  const pause = (n) => new Promise((go) => setTimeout(go, Math.min(1000 * 2 ** n, 30000)));
  let under = 0;

  const begin = async (file) => {
    const r = await fetch("/upload", { method: "POST", headers: { ...head, "Upload-Length": String(file.size), "Upload-Metadata": "filename " + coded(file.name) + ",filetype " + coded(file.type) } });
    if (r.status !== 201) throw new Error("begin");
    return r.headers.get("Location");
  };
  const send = async (file, to, say) => {
    let at = 0;
    for (let tries = 0; tries < 8; ) {
      try {
        const r = await fetch(to, { method: "PATCH", headers: { ...head, "Content-Type": "application/offset+octet-stream", "Upload-Offset": String(at) }, body: file.slice(at, at + piece) });
        if (r.status === 422) return { refused: await r.text() };
        if (r.status === 404) break;
        if (r.status !== 204) throw new Error("piece");
        at = Number(r.headers.get("Upload-Offset"));
        tries = 0;
        say(Math.round((100 * at) / file.size) + "%");
        const ticket = r.headers.get("Photo-Ticket");
        if (ticket) return { ticket };
      } catch {
        await pause(tries++);
        try {
          const r = await fetch(to, { method: "HEAD", headers: head });
          if (r.status === 200) at = Number(r.headers.get("Upload-Offset"));
        } catch {
          continue;
        }
      }
    }
    throw new Error("line");
  };
  const take = async (file) => {
    const item = document.createElement("li");
    const name = document.createElement("span");
    const state = document.createElement("span");
    name.className = "grow";
    name.textContent = file.name;
    state.className = "mute nw";
    item.append(name, state);
    list.append(item);
    try {
      const got = await send(file, await begin(file), (words) => (state.textContent = words));
      state.textContent = got.ticket ? "✓" : got.refused;
      if (got.ticket) {
        const hidden = document.createElement("input");
        hidden.type = "hidden";
        hidden.name = "photo";
        hidden.value = got.ticket;
        item.append(hidden);
      }
      return null;
    } catch {
      item.remove();
      return file;
    }
  };
  field.addEventListener("change", async () => {
    const files = [...field.files];
    under++;
    field.disabled = true;
    const left = [];
    for (const file of files) {
      const back = await take(file);
      if (back) left.push(back);
    }
    const rest = new DataTransfer();
    left.forEach((file) => rest.items.add(file));
    field.files = rest.files;
    field.disabled = false;
    under--;
  });
  field.form.addEventListener("submit", (e) => {
    if (under > 0) {
      e.preventDefault();
      list.scrollIntoView();
    }
  });
})();
