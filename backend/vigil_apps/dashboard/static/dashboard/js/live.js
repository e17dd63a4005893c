// Live views. Each visible <img data-live> is updated: as a stream if few are visible, otherwise by snapshots with a
// few requests at a time. A browser opens six connections per host (HTTP/1.1); some stay free for the rest of the
// page. Hidden images and pages in the background request nothing.
const MAX_STREAMS = 2;
const MAX_REQUESTS = 3;
const PERIOD_MS = 1000;
const RETRY_MS = 10000;
const TICK_MS = 200;
const STREAM_MS = 200000; // a stream is opened again after this time: behind some proxies, the server ends it later

const states = new Map(); // image → { isVisible, due, request, isStream, url }
const observer = new IntersectionObserver((entries) => {
  for (const entry of entries) {
    const state = states.get(entry.target);
    if (!state) continue;
    state.isVisible = entry.isIntersecting;
    if (!state.isVisible) rest(entry.target, state);
  }
}, { rootMargin: "50px" });

function rest(image, state) {
  state.request?.abort();
  state.request = null;
  if (state.isStream) image.removeAttribute("src");
  state.isStream = false;
}

function showBefore(image) {
  // Until the first live frame arrives, show the image of the last alert, marked by its style.
  if (!image.dataset.before || image.hasAttribute("src")) return;
  image.dataset.shows = "before";
  image.src = image.dataset.before;
}

function show(image, state, blob) {
  const former = state.url;
  state.url = URL.createObjectURL(blob);
  image.src = state.url;
  image.dataset.shows = "now";
  if (former) setTimeout(() => URL.revokeObjectURL(former), 1000);
}

async function ask(image, state) {
  state.request = new AbortController();
  const began = performance.now();
  try {
    const signal = AbortSignal.any([state.request.signal, AbortSignal.timeout(8000)]);
    const answer = await fetch(image.dataset.snapshot, { signal, cache: "no-store" });
    const isPicture = answer.status === 200 && answer.headers.get("Content-Type")?.startsWith("image/");
    if (isPicture) show(image, state, await answer.blob());
    else await answer.body?.cancel();
    state.due = began + (isPicture ? PERIOD_MS : RETRY_MS);
    if (!isPicture) showBefore(image);
  } catch {
    state.due = performance.now() + RETRY_MS;
  }
  state.request = null;
}

function stream(image, state) {
  state.request?.abort();
  state.isStream = true;
  state.streamEnds = performance.now() + STREAM_MS;
  image.dataset.shows = "now";
  image.onerror = () => {
    image.onerror = null;
    if (!state.isStream) return;
    state.isStream = false;
    state.streamDue = performance.now() + RETRY_MS;
    image.removeAttribute("src");
    delete image.dataset.shows;
    showBefore(image);
  };
  image.src = image.dataset.stream;
}

function tick() {
  if (document.hidden) return;
  const now = performance.now();
  const seen = [...states].filter(([image, state]) => state.isVisible && image.isConnected);
  const isFew = seen.length <= MAX_STREAMS;
  let running = 0;
  for (const [image, state] of seen) {
    if (state.isStream && !isFew) {
      state.isStream = false; // the next snapshot takes its place, and ends it
      state.due = now;
    }
    if (isFew && state.isStream && now >= state.streamEnds) stream(image, state);
    if (isFew && !state.isStream && image.dataset.stream && now >= state.streamDue && state.url) stream(image, state);
    running += state.request ? 1 : 0;
  }
  const due = seen.filter(([, state]) => !state.isStream && !state.request && state.due <= now);
  due.sort(([, one], [, other]) => one.due - other.due);
  for (const [image, state] of due.slice(0, Math.max(0, MAX_REQUESTS - running))) ask(image, state);
}

// Finds images added or removed by a swap.
export function scan() {
  for (const [image, state] of states) {
    if (image.isConnected) continue;
    rest(image, state);
    observer.unobserve(image);
    if (state.url) URL.revokeObjectURL(state.url);
    states.delete(image);
  }
  for (const image of document.querySelectorAll("img[data-live]")) {
    if (states.has(image)) continue;
    states.set(image, { isVisible: false, due: 0, streamDue: 0, request: null, isStream: false, url: null });
    observer.observe(image);
    showBefore(image);
  }
}

export function start() {
  // A poll's morph must not remove what this script has added.
  const kept = new Set(["src", "data-shows"]);
  if (window.Idiomorph) {
    window.Idiomorph.defaults.callbacks.beforeAttributeUpdated = (name, element) =>
      !(kept.has(name) && element.matches?.("[data-live], [data-video]"));
  }
  scan();
  document.addEventListener("htmx:afterSettle", scan);
  document.addEventListener("visibilitychange", () => {
    if (!document.hidden) return;
    for (const [image, state] of states) rest(image, state);
  });
  setInterval(tick, TICK_MS);
}
