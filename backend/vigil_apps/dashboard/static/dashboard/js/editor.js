// The editor of a camera's zones, lines, masks, rules and schedule. `state` is what is saved; everything else is
// rendered from it.
import { Drawing } from "./drawing.js";
import { send } from "./send.js";
import { toast } from "./page.js";

const root = document.querySelector("[data-editor]");
const find = (name) => document.querySelector(`[data-${name}]`);
const texts = root.dataset;
const given = JSON.parse(document.getElementById("editor-data").textContent);
const COLOURS = 6;
const UNDO_STEPS = 100;

let { version } = given;
let state = given.detection;
let saved = JSON.stringify(state);
let shapes = [];
let chosenKey = "";
const former = [];
let last = saved;

const copyOf = (name) => document.querySelector(`template[data-template="${name}"]`).content.firstElementChild.cloneNode(true);
const nameFor = (word, taken) => {
  for (let number = 1; ; number += 1) if (!taken.includes(`${word} ${number}`)) return `${word} ${number}`;
};

// What is drawn, made from the state. Points are shared with it: moving a corner changes the state.
function shapesOfState() {
  const made = state.zones.map((zone, index) => ({ kind: "zone", key: `zone-${index}`, colour: index % COLOURS, points: zone.points, label: `${texts.textZone} ${zone.name}` }));
  state.motion_masks.forEach((points, index) => made.push({ kind: "mask", key: `mask-${index}`, points, label: `${texts.textMask} ${index + 1}` }));
  state.privacy_masks.forEach((points, index) => made.push({ kind: "privacy", key: `privacy-${index}`, points, label: `${texts.textPrivacyMask} ${index + 1}` }));
  state.rules.forEach((rule, index) => {
    if (rule.type === "line_crossing") made.push({ kind: "line", key: `rule-${index}`, points: rule.line, direction: rule.direction, label: `${texts.textLine} ${rule.name}` });
  });
  for (const shape of made) shape.isChosen = shape.key === chosenKey;
  return made;
}

const drawing = new Drawing(find("stage"), { corner: texts.textCorner, moved: texts.textMoved }, {
  changed: (shape, isFinal) => { if (isFinal) note(); },
  chosen: (shape) => { choose(shape.key); },
});

function choose(key) {
  chosenKey = key;
  for (const shape of shapes) shape.isChosen = shape.key === key;
  drawing.render(true);
}

function redraw() {
  shapes = shapesOfState();
  drawing.show(shapes);
}

// After each change: one step of undo, the buttons, and a preview.
function note() {
  const now = JSON.stringify(state);
  if (now === last) return;
  former.push(last);
  former.splice(0, former.length - UNDO_STEPS);
  last = now;
  showButtons();
  previewSoon();
}

function showButtons() {
  find("save").disabled = last === saved;
  find("undo").disabled = former.length === 0;
}

function undo() {
  if (!former.length) return;
  last = former.pop();
  state = JSON.parse(last);
  render();
  showButtons();
  previewSoon();
}

// ---- lists beside the picture

function shapeRow(list, key, colour, name, title, remove) {
  const row = copyOf("shape");
  row.querySelector(".swatch").classList.add(`colour-${colour}`);
  const input = row.querySelector("[data-name]");
  if (name) {
    input.value = name.value;
    input.addEventListener("change", () => name.set(input.value.trim() || name.value));
  } else input.remove();
  row.querySelector("[data-title]").textContent = title;
  row.querySelector("[data-remove]").addEventListener("click", remove);
  row.addEventListener("pointerenter", () => choose(key));
  row.addEventListener("focusin", () => choose(key));
  list.append(row);
}

function renderZones() {
  const list = find("zones");
  list.replaceChildren();
  find("no-zones").hidden = state.zones.length > 0;
  state.zones.forEach((zone, index) => {
    const set = (value) => {
      for (const rule of state.rules) if (rule.zone === zone.name) rule.zone = value;
      zone.name = value;
      render();
      note();
    };
    shapeRow(list, `zone-${index}`, index % COLOURS, { value: zone.name, set }, "", () => {
      state.zones.splice(index, 1);
      render();
      note();
    });
  });
}

const MASKS = { mask: "motion_masks", privacy: "privacy_masks" };

// `name`: the list of rows, and with «no-» the text for none; `kind`: a key of MASKS.
function renderMasks(name, kind, text) {
  const [list, masks] = [find(name), state[MASKS[kind]]];
  list.replaceChildren();
  find(`no-${name}`).hidden = masks.length > 0;
  masks.forEach((_, index) => {
    shapeRow(list, `${kind}-${index}`, kind, null, `${text} ${index + 1}`, () => {
      masks.splice(index, 1);
      render();
      note();
    });
  });
}

const NUMBERS = new Set(["seconds", "minimum_confidence", "minimum_size", "minimum_seconds", "cooldown_seconds"]);

function ruleOfType(rule, type) {
  const { name, classes, minimum_confidence, minimum_size, minimum_seconds, cooldown_seconds, ptz_preset } = rule;
  const made = { name, type, classes, minimum_confidence, minimum_size, minimum_seconds, cooldown_seconds, ptz_preset };
  if (type === "line_crossing") return { ...made, line: rule.line ?? [[0.3, 0.6], [0.7, 0.6]], direction: rule.direction ?? "either" };
  const zone = rule.zone ?? (type === "object" ? null : state.zones[0]?.name ?? "");
  return type === "loitering" ? { ...made, zone, seconds: rule.seconds ?? 30 } : { ...made, zone };
}

function readField(rule, input) {
  const { field } = input.dataset;
  if (field === "classes") return input.value.split(",").map((word) => word.trim()).filter(Boolean);
  if (NUMBERS.has(field)) return input.value === "" ? 0 : Number(input.value);
  if (field === "zone") return input.value || (rule.type === "object" ? null : "");
  return input.value;
}

function renderRules() {
  const list = find("rules");
  list.replaceChildren();
  state.rules.forEach((rule, index) => {
    const card = copyOf("rule");
    const zone = card.querySelector('[data-field="zone"]');
    if (rule.type !== "object") zone.options[0].remove();
    if (rule.type !== "object" && !rule.zone) zone.add(new Option("–", ""));
    for (const known of state.zones) zone.add(new Option(known.name, known.name));
    if (rule.zone && !state.zones.some((known) => known.name === rule.zone)) zone.add(new Option(`${rule.zone} ?`, rule.zone));
    for (const part of card.querySelectorAll("[data-for]")) part.hidden = !part.dataset.for.split(" ").includes(rule.type);
    for (const input of card.querySelectorAll("[data-field]")) {
      const value = rule[input.dataset.field];
      input.value = Array.isArray(value) ? value.join(", ") : value ?? "";
      input.addEventListener("change", () => {
        if (input.dataset.field === "type") state.rules[index] = ruleOfType(rule, input.value);
        else rule[input.dataset.field] = readField(rule, input);
        if (["type", "direction", "name"].includes(input.dataset.field)) render();
        note();
      });
    }
    card.querySelector("[data-remove]").addEventListener("click", () => {
      state.rules.splice(index, 1);
      render();
      note();
    });
    card.addEventListener("focusin", () => choose(`rule-${index}`));
    card.addEventListener("pointerenter", () => showFeet(index));
    card.addEventListener("pointerleave", () => showFeet(null));
    list.append(card);
  });
  if (!state.rules.length) {
    const empty = document.createElement("p");
    empty.className = "panel-text field-help";
    empty.textContent = texts.textEverything;
    const preview = document.createElement("p");
    preview.className = "rule-preview";
    preview.dataset.preview = "";
    list.append(empty, preview);
  }
}

function renderSchedule() {
  const always = find("always");
  always.checked = !state.schedule;
  find("schedule-foot").hidden = !state.schedule;
  const list = find("windows");
  list.replaceChildren();
  if (!state.schedule) return;
  find("time-zone").value = state.schedule.time_zone;
  state.schedule.windows.forEach((window, index) => {
    const row = copyOf("window");
    for (const box of row.querySelectorAll(".day input")) {
      box.checked = window.days.includes(box.value);
      box.addEventListener("change", () => {
        window.days = [...row.querySelectorAll(".day input:checked")].map((one) => one.value);
        note();
      });
    }
    const [start, end] = [row.querySelector("[data-start]"), row.querySelector("[data-end]")];
    start.value = window.start;
    end.value = window.end === "24:00" ? "00:00" : window.end;
    start.addEventListener("change", () => { window.start = start.value; note(); });
    end.addEventListener("change", () => { window.end = end.value; note(); });
    row.querySelector("[data-remove]").addEventListener("click", () => {
      state.schedule.windows.splice(index, 1);
      if (!state.schedule.windows.length) state.schedule = null;
      render();
      note();
    });
    list.append(row);
  });
}

const newWindow = () => ({ days: ["mon", "tue", "wed", "thu", "fri", "sat", "sun"], start: "20:00", end: "06:00" });

function render() {
  redraw();
  renderZones();
  renderMasks("masks", "mask", texts.textMask);
  renderMasks("privacy-masks", "privacy", texts.textPrivacyMask);
  renderRules();
  renderSchedule();
  showPreview();
}

// ---- preview

let preview = null;
let timer = null;
let asking = null;

function previewSoon() {
  clearTimeout(timer);
  timer = setTimeout(askPreview, 250);
}

async function askPreview() {
  asking?.abort();
  asking = new AbortController();
  const answer = await send(texts.previewUrl, { detection: state }, asking.signal);
  if (!answer) return;
  preview = answer.body.errors ? null : answer.body;
  showPreview();
}

function showPreview() {
  const places = document.querySelectorAll("[data-preview]");
  places.forEach((place, index) => {
    const rule = preview?.rules[index];
    const words = { counted: texts.textCounted, at_most: texts.textAtMost, at_least: texts.textAtLeast };
    place.replaceChildren();
    if (!rule) return;
    const count = document.createElement("strong");
    count.textContent = String(rule.alerts.length);
    place.append(count, ` ${words[rule.certainty]}`);
  });
  find("counted-from").textContent = preview ? `${texts.textObjects} ${preview.objects}${preview.is_cut ? ` (${texts.textCut})` : ""}` : "";
  showFeet(null);
}

// Positions of objects; those that would have been reported (by one rule or by any) are highlighted.
function showFeet(index) {
  const rules = preview?.rules ?? [];
  const lit = new Set(rules.flatMap((rule, at) => (index === null || at === index ? rule.alerts : [])));
  find("feet").replaceChildren(...(preview?.feet ?? []).slice(0, 400).map(([alert, x, y]) => {
    const foot = document.createElement("span");
    foot.className = lit.has(alert) ? "foot is-lit" : "foot";
    foot.style.left = `${x * 100}%`;
    foot.style.top = `${y * 100}%`;
    return foot;
  }));
}

// ---- drawing something new

function showDrawing(isDrawing) {
  find("hint-idle").hidden = isDrawing;
  find("hint-drawing").hidden = !isDrawing;
  find("finish").hidden = !isDrawing;
}

function begin(kind) {
  drawing.finish(true);
  showDrawing(true);
  find("finish").focus(); // so that Enter ends the shape, whatever drew its corners
  drawing.draw(kind, (points) => {
    showDrawing(false);
    if (!points) return;
    if (kind === "zone") {
      state.zones.push({ name: nameFor(texts.textZone, state.zones.map((zone) => zone.name)), points });
      chosenKey = `zone-${state.zones.length - 1}`;
    } else if (kind in MASKS) {
      const masks = state[MASKS[kind]];
      masks.push(points);
      chosenKey = `${kind}-${masks.length - 1}`;
    } else {
      state.rules.push({ ...emptyRule(texts.textLine), type: "line_crossing", line: points, direction: "either" });
      chosenKey = `rule-${state.rules.length - 1}`;
    }
    render();
    drawing.focus(shapes.find((shape) => shape.key === chosenKey));
    note();
  });
}

const emptyRule = (word) => ({
  name: nameFor(word, state.rules.map((rule) => rule.name)),
  classes: [], minimum_confidence: 0, minimum_size: 0, minimum_seconds: 0, cooldown_seconds: 0, ptz_preset: "",
});

// ---- saving

async function save() {
  find("save").disabled = true;
  const sent = JSON.stringify(state);
  const answer = await send(texts.saveUrl, { version, detection: state });
  const errors = answer ? answer.body.errors : { non_field_errors: [texts.textUnreachable] };
  showErrors(errors ?? {});
  if (!errors) {
    ({ version } = answer.body);
    saved = sent;
    toast(texts.textSaved, "ok");
  }
  showButtons();
}

// «detection.rules.0.zone» is read as «rule 1, zone».
function placeOf(path) {
  const [, list, index, ...rest] = path.split(".");
  const words = { rules: texts.textRule, zones: texts.textZone, motion_masks: texts.textMask, privacy_masks: texts.textPrivacyMask };
  if (!(list in words) || index === undefined) return path.replace(/^detection\./, "");
  return `${words[list]} ${state[list][index]?.name ?? Number(index) + 1}${rest.length ? ` (${rest.join(" ")})` : ""}`;
}

function showErrors(errors) {
  const lines = Object.entries(errors).flatMap(([path, all]) => all.map((text) => (path === "non_field_errors" ? text : `${placeOf(path)}: ${text}`)));
  find("errors").hidden = lines.length === 0;
  find("error-list").replaceChildren(...lines.map((text) => Object.assign(document.createElement("p"), { textContent: text })));
}

// ---- the frame

async function loadPicture() {
  const frame = find("frame");
  frame.addEventListener("load", () => {
    find("stage").style.aspectRatio = `${frame.naturalWidth} / ${frame.naturalHeight}`;
  });
  try {
    const answer = await fetch(frame.dataset.snapshot, { signal: AbortSignal.timeout(8000), cache: "no-store" });
    if (answer.status === 200 && answer.headers.get("Content-Type")?.startsWith("image/")) {
      frame.src = URL.createObjectURL(await answer.blob());
      return;
    }
  } catch { /* use the image of the last alert */ }
  if (frame.dataset.before) frame.src = frame.dataset.before;
  else find("no-picture").hidden = false;
}

root.addEventListener("click", (event) => {
  const kind = event.target.closest("[data-draw]")?.dataset.draw;
  if (kind) begin(kind);
});
find("finish").addEventListener("click", () => drawing.finish());
find("undo").addEventListener("click", undo);
find("save").addEventListener("click", save);
find("add-rule").addEventListener("click", () => {
  state.rules.push({ ...emptyRule(texts.textRule), type: "object", zone: null });
  render();
  find("rules").lastElementChild.querySelector("input").focus();
  note();
});
find("always").addEventListener("change", (event) => {
  const { timeZone } = Intl.DateTimeFormat().resolvedOptions();
  state.schedule = event.target.checked ? null : { time_zone: timeZone, windows: [newWindow()] };
  renderSchedule();
  note();
});
find("add-window").addEventListener("click", () => { state.schedule.windows.push(newWindow()); renderSchedule(); note(); });
find("time-zone").addEventListener("change", (event) => { state.schedule.time_zone = event.target.value.trim(); note(); });
document.addEventListener("keydown", (event) => {
  if ((event.ctrlKey || event.metaKey) && event.key === "z" && !event.target.matches("input")) { event.preventDefault(); undo(); }
  if (drawing.drawn && event.key === "Escape") drawing.finish(true);
});
addEventListener("beforeunload", (event) => { if (last !== saved) event.preventDefault(); });

document.getElementById("time-zones").append(...(Intl.supportedValuesOf?.("timeZone") ?? []).map((name) => new Option(name)));
render();
askPreview();
loadPicture();
