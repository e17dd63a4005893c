// j and k move through the alerts, a acknowledges, o opens; the current alert has the focus.
const cards = () => [...document.querySelectorAll("[data-alerts] [data-alert]")];
let chosenId = null;

const chosen = () => document.activeElement?.closest?.("[data-alert]") ?? null;

function choose(card) {
  if (!card) return;
  card.focus({ preventScroll: true });
  card.scrollIntoView({ block: "nearest" });
}

function step(by) {
  const all = cards();
  const at = all.findIndex((card) => card.dataset.alert === (chosen()?.dataset.alert ?? chosenId));
  choose(all[at < 0 ? 0 : Math.min(Math.max(at + by, 0), all.length - 1)]);
}

// In the inbox, keys press the row's hidden button; on an alert's page, the visible one.
// If several are selected, a key applies to all of them.
const pressMany = (name) => {
  const button = document.querySelector(`.bulk:not([hidden]) [data-bulk="${name}"]`);
  button?.click();
  return Boolean(button);
};
const press = (name) => pressMany(name) || (chosen()?.querySelector(`[data-${name}]`) ?? document.querySelector(`main [data-act="${name}"]`))?.click();

const actions = {
  j: () => step(1),
  k: () => step(-1),
  a: () => pressMany("acknowledge") || (chosen() ?? (cards().length ? null : document))?.querySelector("[data-acknowledge]")?.click(),
  r: () => press("resolve"),
  f: () => press("false-positive"),
  c: () => document.querySelector("[data-comment]")?.focus(),
  o: () => chosen()?.querySelector("a.alert-picture, a.row-open")?.click(),
  x: () => chosen()?.querySelector(".row-check input")?.click(),
  t: () => window.vigilToggleTheme(),
  "?": () => document.getElementById("keys-dialog")?.showModal(),
};

const isTyping = (target) => target.closest?.("input:not([type=checkbox]), textarea, select, [contenteditable], dialog[open]");

export function start() {
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target)) return;
    const action = actions[event.key];
    if (!action) return;
    event.preventDefault();
    action();
  });
  document.addEventListener("focusin", () => { chosenId = chosen()?.dataset.alert ?? chosenId; });
  // A swap may remove the focused button: keep the focus on its alert.
  document.addEventListener("htmx:afterSettle", () => {
    if (document.activeElement === document.body && chosenId && !document.querySelector("dialog[open]")) {
      document.getElementById(`alert-${chosenId}`)?.focus({ preventScroll: true });
    }
  });
}
