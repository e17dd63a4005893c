// The inbox: new rows appear at the top without scrolling the view, bulk selection, undo.
import { localise } from "./time.js";
import { isWanted, start as startNotify, tell } from "./notify.js";
import { report } from "./poll.js";
import { group } from "./groups.js";
import { follow } from "./stream.js";

const PERIOD_MS = 2000;
const GATHER_MS = 150; // a burst of alerts is fetched together
const rows = document.querySelector("[data-inbox]");
const bulk = document.getElementById("inbox-actions");
const pill = document.querySelector("[data-show-new]");
let newest = Number(rows.dataset.newest);
let waiting = []; // rows that came while one was further down, oldest first
const isAtTop = () => window.scrollY < 80;

function insert(fragments) {
  rows.querySelector("[data-empty]")?.remove();
  for (const html of fragments) {
    const holder = document.createElement("template");
    holder.innerHTML = html;
    const fresh = [...holder.content.children].filter((row) => !document.getElementById(row.id));
    rows.prepend(...fresh);
    for (const row of fresh) window.htmx.process(row);
  }
  group(rows);
  localise(rows);
}

function showPill() {
  const count = waiting.reduce((sum, html) => sum + html.split("data-alert=").length - 1, 0);
  pill.hidden = count === 0;
  pill.querySelector("[data-new-count]").textContent = String(count);
}

// Fetches the rows of the alerts `ids` that match the filters; without `ids`, all newer alerts.
async function look(ids = []) {
  const query = new URLSearchParams(rows.dataset.query);
  if (ids.length) for (const id of ids) query.append("id", id);
  else query.set("after", String(newest));
  try {
    const answer = await fetch(`${rows.dataset.inbox}?${query}`, {
      headers: { "HX-Request": "true", "HX-Current-URL": location.href },
      signal: AbortSignal.timeout(10000),
    });
    const elsewhere = answer.headers.get("HX-Redirect");
    if (elsewhere) return void window.location.assign(elsewhere);
    report(answer.ok);
    if (answer.status !== 200) return;
    const html = await answer.text();
    const ids = [...html.matchAll(/data-alert="(\d+)"/g)].map((match) => Number(match[1]));
    newest = Math.max(newest, ...ids);
    const holder = document.createElement("template");
    holder.innerHTML = html;
    tell([...holder.content.querySelectorAll("[data-alert]")]);
    if (isAtTop() && waiting.length === 0) insert([html]);
    else waiting.push(html);
    showPill();
  } catch {
    report(false);
  }
}

function showNew() {
  insert(waiting);
  waiting = [];
  showPill();
  window.scrollTo({ top: 0 });
}

const chosen = () => [...rows.querySelectorAll(".row-check input:checked")];

function showChosen() {
  const count = chosen().length;
  bulk.hidden = count === 0;
  bulk.querySelector("[data-chosen-count]").textContent = String(count);
}

function chooseNone() {
  for (const box of chosen()) box.checked = false;
  showChosen();
}

// Name the action by its strongest part, since resolving also acknowledges.
function describe({ acknowledged, resolved, judged, cleared }) {
  const { resolvedText, judgedText, clearedText, acknowledgedText } = rows.dataset;
  if (resolved.length) return `${resolvedText} ${resolved.length}`;
  if (judged.length) return `${judgedText} ${judged.length}`;
  if (cleared.length) return `${clearedText} ${cleared.length}`;
  return acknowledged.length ? `${acknowledgedText} ${acknowledged.length}` : "";
}

function offerUndo(changes) {
  const text = describe(changes);
  if (!text) return;
  const message = document.createElement("div");
  message.className = "toast";
  const button = document.createElement("button");
  button.type = "button";
  button.textContent = rows.dataset.undoText;
  button.addEventListener("click", () => {
    window.htmx.ajax("POST", rows.dataset.undo, { values: changes, swap: "none", source: rows });
    message.remove();
  });
  message.append(text, button);
  document.getElementById("toasts").append(message);
  setTimeout(() => message.remove(), 10000);
}

document.addEventListener("vigil:handled", (event) => {
  const { acknowledged, resolved, judged, cleared } = event.detail;
  offerUndo({ acknowledged, resolved, judged, cleared });
});
document.addEventListener("htmx:afterRequest", (event) => {
  if (event.detail.successful && event.target.matches("[data-bulk]")) chooseNone();
});
document.addEventListener("htmx:oobAfterSwap", () => group(rows));
document.addEventListener("htmx:afterSettle", () => group(rows));
document.getElementById("preview").addEventListener("click", (event) => {
  // The buttons beside the list act like the row's keys, and update the row.
  const button = event.target.closest("[data-act]");
  const own = button && document.querySelector(`#alert-${button.dataset.for} [data-${button.dataset.act}]`);
  if (!own) return;
  event.preventDefault();
  own.click();
});
document.addEventListener("htmx:afterSettle", (event) => {
  // Show the change beside the list too, after a preview that may still be loading.
  const changed = event.detail.requestConfig?.verb === "post" && event.detail.requestConfig.path.match(/\/alerts\/(\d+)\//);
  const row = changed && document.getElementById(`alert-${changed[1]}`);
  if (!row || event.target.id === "preview") return;
  const shown = document.querySelector("#preview [data-shown]")?.dataset.shown;
  if (shown !== changed[1] && document.activeElement !== row) return;
  window.htmx.ajax("GET", row.getAttribute("hx-get"), { source: row, target: "#preview" });
});
rows.addEventListener("change", ({ target }) => {
  // Selecting the newest alert of an object also selects those below it.
  const object = target.closest("[data-object]:not(.is-same)");
  for (let row = object?.nextElementSibling; row?.classList.contains("is-same"); row = row.nextElementSibling) {
    row.querySelector(".row-check input").checked = target.checked;
  }
  showChosen();
});
rows.addEventListener("click", (event) => {
  // On a wide screen a click shows the alert beside the list; a second click (or o) opens its page.
  const link = event.target.closest(".row-open");
  if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
  const row = link.closest("[data-alert]");
  const preview = document.getElementById("preview");
  if (!event.isTrusted || getComputedStyle(preview).display === "none") return;
  if (preview.querySelector(`[data-shown="${row.dataset.alert}"]`)) return;
  event.preventDefault();
  row.focus();
});
pill.addEventListener("click", showNew);
document.querySelector("[data-choose-none]").addEventListener("click", chooseNone);
document.querySelector("[data-filters]").addEventListener("change", (event) => event.currentTarget.requestSubmit());
startNotify();
group(rows);

let gathered = [];
const isStreaming = follow(rows.dataset.stream, newest, isWanted, (id) => {
  if (gathered.push(id) > 1) return;
  setTimeout(() => {
    look(gathered.splice(0).slice(-40));
  }, GATHER_MS);
});
setInterval(() => {
  if (isStreaming()) report(true);
  else if (!document.hidden || isWanted()) look();
}, PERIOD_MS);
