// The alert stream (server-sent events). A browser has few connections per host: a page in the background closes its
// own, unless notifications are enabled, and catches up when it becomes visible.
const RETRY_MS = 10000;

// Calls `arrived` once with the id of each alert after `newest`. Returns whether the stream is open.
export function follow(url, newest, isWanted, arrived) {
  let source = null;
  let last = newest;
  let brokenAt = -RETRY_MS;

  function open() {
    source = new EventSource(`${url}?last_event_id=${last}`);
    source.addEventListener("alert", (event) => {
      last = event.lastEventId;
      arrived(event.lastEventId);
    });
    source.addEventListener("error", () => {
      if (source?.readyState !== EventSource.CLOSED) return; // it comes back by itself
      source = null;
      brokenAt = performance.now();
    });
  }

  function close() {
    source?.close();
    source = null;
  }

  function adjust() {
    const isNeeded = !document.hidden || isWanted();
    if (!isNeeded) close();
    else if (!source && performance.now() - brokenAt > RETRY_MS) open();
  }

  adjust();
  document.addEventListener("visibilitychange", adjust);
  window.addEventListener("pagehide", close);
  window.addEventListener("pageshow", adjust);
  setInterval(adjust, 1000);
  return () => source?.readyState === EventSource.OPEN;
}
