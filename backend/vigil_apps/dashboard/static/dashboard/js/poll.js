// Updates [data-poll] while the page is visible, sends the current version (a 304 changes nothing), and shows a
// message if the server is unreachable.
const etags = new WeakMap();
const LATE_MS = 9000;
let lastAnswer = Date.now();
let isLost = false;

const isPoll = (element) => element instanceof Element && element.matches("[data-poll]");

function show() {
  const indicator = document.getElementById("live-indicator");
  if (!indicator) return;
  const state = isLost ? "lost" : Date.now() - lastAnswer > LATE_MS ? "late" : "live";
  if (indicator.dataset.state === state) return;
  indicator.dataset.state = state;
  indicator.querySelector("[data-text]").textContent = indicator.dataset[state];
}

function showCount() {
  const count = document.getElementById("open-count")?.dataset.count ?? "0";
  const bare = document.title.replace(/^\(\d+\+?\) /, "");
  const title = count === "0" ? bare : `(${count}) ${bare}`;
  if (document.title !== title) document.title = title;
}

export function report(isAnswered) {
  if (isAnswered) lastAnswer = Date.now();
  isLost = !isAnswered && !document.hidden;
  show();
}

export function start() {
  document.addEventListener("htmx:beforeRequest", (event) => {
    if (isPoll(event.target) && document.hidden) event.preventDefault();
  });
  document.addEventListener("htmx:configRequest", (event) => {
    const etag = isPoll(event.target) && etags.get(event.target);
    if (etag) event.detail.headers["If-None-Match"] = etag;
  });
  document.addEventListener("htmx:afterRequest", (event) => {
    if (!isPoll(event.target)) return;
    const { xhr } = event.detail;
    if (xhr.status === 200) etags.set(event.target, xhr.getResponseHeader("ETag") ?? "");
    report(xhr.status === 200 || xhr.status === 304);
  });
  document.addEventListener("htmx:afterSettle", showCount);
  document.addEventListener("visibilitychange", () => {
    if (document.hidden) return;
    lastAnswer = Date.now();
    refresh();
  });
  setInterval(show, 1000);
  showCount();
}

export function refresh() {
  for (const element of document.querySelectorAll("[data-poll]")) htmx.trigger(element, "refresh");
}
