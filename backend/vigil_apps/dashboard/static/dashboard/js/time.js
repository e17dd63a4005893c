// Formats every <time> in the viewer's time zone and language, which the server does not know.
const page = document.documentElement.lang;
// The page's language in the viewer's own regional form («en» as «en-GB»), where there is one.
export const language = navigator.languages.find((tag) => tag === page || tag.startsWith(`${page}-`)) ?? page;
const relative = new Intl.RelativeTimeFormat(language, { style: "narrow", numeric: "auto" });
const clock = new Intl.DateTimeFormat(language, { hour: "2-digit", minute: "2-digit" });
const day = new Intl.DateTimeFormat(language, { month: "short", day: "numeric", hour: "2-digit", minute: "2-digit" });
const full = new Intl.DateTimeFormat(language, { dateStyle: "medium", timeStyle: "medium" });
const exact = new Intl.DateTimeFormat(language, { dateStyle: "full", timeStyle: "long" });

export function describe(moment, now) {
  const seconds = Math.round((now - moment) / 1000);
  if (seconds < -5) return day.format(moment);
  if (seconds < 5) return relative.format(0, "second");
  if (seconds < 60) return relative.format(-seconds, "second");
  if (seconds < 3600) return relative.format(-Math.floor(seconds / 60), "minute");
  if (seconds < 12 * 3600) return clock.format(moment);
  return day.format(moment);
}

export function localise(root = document) {
  const now = Date.now();
  for (const element of root.querySelectorAll("time[datetime]")) {
    const moment = new Date(element.dateTime);
    const text = element.dataset.style === "absolute" ? full.format(moment) : describe(moment, now);
    if (element.textContent !== text) element.textContent = text;
    const title = exact.format(moment);
    if (element.title !== title) element.title = title;
  }
}

export function start() {
  localise();
  document.addEventListener("htmx:afterSwap", (event) => localise(event.target.isConnected ? event.target : document));
  document.addEventListener("htmx:oobAfterSwap", () => localise());
  setInterval(localise, 1000);
}
