// What the page does in the browser without its server.

// Once the server does not let this page in any more, go to the login form instead of trying for ever.
(function watchSession() {
  if (!window.socket) return void setTimeout(watchSession, 100);
  window.socket.io.on("reconnect_error", async () => {
    const answer = await fetch(`${window.path_prefix}/session`).catch(() => null);
    if (answer?.status === 401) window.location.reload();
  });
})();
