// What the page does in the browser without its server.

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
