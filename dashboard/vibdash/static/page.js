// What only the browser can do, without its server.

// Tell by the browser's own clock that the page is no longer kept up to date, and say with each action what was on the
// screen when it began.
(() => {
  const STALE_AFTER_MS = 8000;
  const KEYS = "jkxtasc/";
  let readings, changedAtMs = Date.now();

  function watch() {
    const now = document.querySelector(".beat")?.dataset.readings;
    if (now !== readings) {
      readings = now;
      changedAtMs = Date.now();
    }
    const stale = Date.now() - changedAtMs > STALE_AFTER_MS;
    if (stale === document.body.classList.contains("stale")) return;
    document.body.classList.toggle("stale", stale);
    if (!stale) {
      document.querySelector(".stale-notice")?.remove();
      return;
    }
    const notice = document.createElement("div");
    notice.className = "stale-notice";
    notice.setAttribute("role", "alert");
    const at = new Date(changedAtMs).toLocaleTimeString();
    notice.textContent = `Not up to date: nothing has been drawn since ${at}. What is shown is from then.`;
    document.body.append(notice);
  }

  const told = (element) => ({
    id: Number(element.dataset.alert),
    newest_id: Number(element.dataset.newest),
    level: element.dataset.level,
  });

  // The alert that is open and those that are listed, as they are on the screen.
  window.vibSeen = () => {
    const open = document.querySelector(".alert-detail[data-alert]");
    const rows = [...document.querySelectorAll(".item")].map(told);
    const upto = Number(document.querySelector(".list [data-upto]")?.dataset.upto);
    return { open: open ? told(open) : null, rows, upto };
  };

  function onKey(event) {
    if (event.ctrlKey || event.altKey || event.metaKey || !KEYS.includes(event.key)) return;
    if (event.target.closest("input, textarea, select, [contenteditable], .q-dialog")) return;
    if (!document.querySelector(".inbox")) return;
    if (event.key === "/" || event.key === "c") event.preventDefault();
    emitEvent("inbox-key", { key: event.key, seen: window.vibSeen() });
  }

  setInterval(watch, 1000);
  document.addEventListener("keydown", onKey);
})();

// Once the server does not let this page in any more, go to the login form instead of trying for ever.
(function watchSession() {
  if (!window.socket) return void setTimeout(watchSession, 100);
  window.socket.io.on("reconnect_error", async () => {
    const answer = await fetch(`${window.path_prefix}/session`).catch(() => null);
    if (answer?.status === 401) window.location.reload();
  });
})();

// A comment that was begun outlives a page that had to be loaded anew: it waits in this tab, for its user, with its alert.
(function keepDrafts() {
  const OF_TAB = "vibnode draft";
  const loaded = new Set(Object.keys(sessionStorage).filter((name) => name.startsWith(OF_TAB)));
  let before = { name: null, text: "" };
  setInterval(() => {
    const panel = document.querySelector(".alert-detail[data-alert]");
    const field = panel?.querySelector("textarea[aria-label=Comment]");
    if (!field || !window.did_handshake) return;
    const user = document.querySelector(".viewer")?.textContent;
    const name = `${OF_TAB}, ${user}, ${panel.dataset.alert}`;
    if (loaded.delete(name) && !field.value) {
      field.value = sessionStorage.getItem(name) ?? "";
      field.dispatchEvent(new Event("input"));
    }
    if (field.value) sessionStorage.setItem(name, field.value);
    else if (before.name === name && before.text) sessionStorage.removeItem(name); // sent, or emptied
    before = { name, text: field.value };
  }, 200);
})();
