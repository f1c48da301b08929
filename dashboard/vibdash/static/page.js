// What only the browser can do: tell by its own clock that the page is no longer kept up to date, and say with each
// action what was on the screen when it began.
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
