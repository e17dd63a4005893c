// The page of recordings: players, the timeline below them, and the same as a list.
import { dayOf, gapAt, load, neighbour, recordedAt, withDetail } from "./day.js";
import { listRows } from "./recordings-list.js";
import { Playback } from "./playback.js";
import { MotionSearch, findMotion } from "./search.js";
import { saveFrame } from "./frame.js";
import { Preview } from "./preview.js";
import { Timeline } from "./timeline.js";
import { start as startLive } from "./live.js";
import { localise } from "./time.js";
import { toast } from "./page.js";

const REFRESH_MS = 15_000;
const DETAIL_MS = 6 * 3_600_000; // a narrower view is loaded with more detail
const STEP_MS = 10_000;
const NEAR_MS = 2500;
const MARGINS = { alerts: [500, 1500], motion: [1000, 3000] };

const root = document.querySelector("[data-recordings]");
const texts = root.dataset;
const find = (name) => root.querySelector(`[data-${name}]`);
const given = JSON.parse(document.getElementById("timeline-data").textContent);

let day = dayOf(given.at ?? Date.now());
let days = given.cameras.map(({ name }) => ({ name, recorded: [], gaps: [], motion: [], alerts: [], hasAllAlerts: true }));
let detail = null; // { period, days } of a narrow view
let searched = null; // { points, motion } of an area of the first camera
let shown = "";
let scrubbing = null; // the timer of a time that waits for the frame before it
let sought = null;

const preview = new Preview(find("preview"));
const timeline = new Timeline(find("timeline"), { chosen: scrub, moved: wantDetail, pointed: showPreview });
const playback = new Playback([...root.querySelectorAll("[data-screen]")], texts, (index) => days[index], render, loadDays);

const search = new MotionSearch(root.querySelector("[data-screen]"), texts, searchMotion);

// ---- what is shown

const alertText = ({ alert_type: type }) => `${texts.textAlert}: ${given.types[type] ?? type}`;
const alertUrl = ({ id }) => given.alert_url.replace("/0/", `/${id}/`);

function stateAt(at) {
  const alert = days.flatMap(({ alerts }) => alerts).find((one) => Math.abs(one.at - at) <= NEAR_MS);
  if (alert) return { text: alertText(alert), alert };
  if (days.some((one) => recordedAt(one, at))) return { text: texts.textPlaying };
  return { text: gapAt(days[0], at)?.message ?? texts.textNothing };
}

function render() {
  const { at, isLive, isPlaying } = playback;
  const toggle = root.querySelector("[data-do=toggle]");
  toggle.dataset.plays = isPlaying ? "yes" : "no";
  toggle.querySelector("[data-toggle-text]").textContent = isPlaying ? toggle.dataset.textPause : toggle.dataset.textPlay;
  root.querySelector("[data-do=live]").setAttribute("aria-pressed", String(isLive));
  renderAudio();
  const time = isLive ? Date.now() : at;
  if (time === null) return;
  if (!isLive && time >= day[1]) showDay(time); // played past midnight
  const state = isLive ? { text: texts.textLive } : stateAt(time);
  const place = find("now");
  place.dateTime = new Date(time).toISOString();
  place.dataset.style = "absolute";
  localise(place.parentElement);
  showState(state);
  timeline.showTime(time, `${place.textContent}, ${state.text}`);
  if (isPlaying) timeline.follow(time);
}

// One button for one camera; of several, each with audio has its own.
function renderAudio() {
  for (const button of root.querySelectorAll("[data-audio]")) {
    const index = Number(button.dataset.audio);
    button.hidden = !playback.hasAudio(index);
    button.setAttribute("aria-pressed", String(playback.isHeard(index)));
  }
}

// The key goes through the cameras that have audio: the first, the next, …, none.
function nextAudio() {
  const { audible } = playback;
  if (!audible.length) return toast(texts.textNoAudio, "info");
  const now = audible.findIndex((index) => playback.isHeard(index));
  const next = audible[now + 1] ?? audible[now]; // the last one again: off
  playback.toggleAudio(next);
  find("audio-text").textContent = playback.isMuted ? texts.textAudioOff : `${texts.textAudio}: ${given.cameras[next].name}`;
}

function showState({ text, alert }) {
  const place = find("now-text");
  const key = `${text} ${alert?.id ?? ""}`;
  if (place.dataset.key === key) return;
  place.dataset.key = key;
  if (!alert) return void (place.textContent = text);
  place.replaceChildren(Object.assign(document.createElement("a"), { href: alertUrl(alert), textContent: text }));
}

// The list holds the same as the timeline, for those who cannot use it.
function renderList() {
  const now = JSON.stringify(days.map(({ now: _, motion: __, ...rest }) => rest));
  if (now === shown) return;
  shown = now;
  const play = (at) => {
    jump(at);
    playback.play();
  };
  const labels = [...find("list").querySelectorAll("th")].map((head) => head.textContent.trim());
  const rows = listRows(days, texts, labels, { alertText, alertUrl, play });
  find("rows").replaceChildren(...rows);
  localise(find("rows"));
  find("list").hidden = rows.length === 0;
  find("nothing").hidden = rows.length > 0;
  find("all-alerts").hidden = days.every(({ hasAllAlerts }) => hasAllAlerts);
}

// ---- data

async function loadDays() {
  const wanted = day;
  try {
    const found = await Promise.all(given.cameras.map((camera) => load(camera, wanted)));
    if (wanted !== day) return;
    days = found;
  } catch {
    toast(texts.textUnreachable);
    return;
  }
  renderLanes();
  renderList();
  playback.explainLive();
}

function renderLanes() {
  const lanes = detail ? days.map((one, index) => withDetail(one, detail.days[index], detail.period)) : [...days];
  if (searched) lanes[0] = { ...lanes[0], motion: searched.motion };
  timeline.showLanes(lanes);
}

let detailTimer = null;

function wantDetail() {
  clearTimeout(detailTimer);
  detailTimer = setTimeout(loadDetail, 250);
}

async function loadDetail() {
  const [from, to] = timeline.view;
  if (to - from > DETAIL_MS) return;
  if (detail && detail.period[0] <= from && to <= detail.period[1] && detail.length <= 4 * (to - from)) return;
  const length = to - from;
  const period = [Math.max(day[0], from - length), Math.min(day[1], to + length)];
  const wanted = day;
  try {
    const found = await Promise.all(given.cameras.map((camera) => load(camera, period)));
    if (wanted !== day) return;
    detail = { period, length: period[1] - period[0], days: found };
    renderLanes();
  } catch { /* the day's motion stays */ }
}

async function searchMotion(points) {
  const place = find("search-text");
  root.querySelector("[data-do=search]").setAttribute("aria-pressed", String(Boolean(points)));
  showDrawing(false);
  searched = points && { points, motion: [] };
  if (!points) {
    place.textContent = "";
    return renderLanes();
  }
  const wanted = searched;
  try {
    const { motion, withoutPosition } = await findMotion(given.cameras[0], day, points);
    if (wanted !== searched) return;
    searched.motion = motion;
    const unknown = withoutPosition ? ` (${texts.textWithoutPosition} ${withoutPosition})` : "";
    place.textContent = `${texts.textFound} ${motion.length}${unknown}`;
  } catch {
    toast(texts.textUnreachable);
  }
  renderLanes();
}

function showDrawing(isDrawing) {
  root.querySelector("[data-do=search-finish]").hidden = !isDrawing;
  if (isDrawing) find("search-text").textContent = texts.textDraw;
}

async function showDay(at) {
  day = dayOf(at);
  detail = null;
  timeline.showDay(day);
  if (searched) searchMotion(searched.points);
  const date = new Date(day[0]);
  find("day").value = [date.getFullYear(), date.getMonth() + 1, date.getDate()].map((one) => String(one).padStart(2, "0")).join("-");
  await loadDays();
}

// ---- actions

function remember(at) {
  const query = new URLSearchParams(location.search);
  for (const name of ["until", "play"]) query.delete(name);
  query.set("at", new Date(at).toISOString());
  history.replaceState(null, "", `?${query}`);
}

function jump(at) {
  playback.seek(at);
  timeline.follow(at);
  remember(at);
}

// While dragging, the next frame is requested when the last one is shown: that is the preview.
function scrub(at, isFinal) {
  clearTimeout(scrubbing);
  if (!isFinal && !playback.isSettled) {
    scrubbing = setTimeout(() => scrub(at, false), 60);
    return;
  }
  if (at !== sought) playback.seek(at);
  sought = isFinal ? null : at; // the release repeats the time of the press
  if (!isFinal) return;
  timeline.follow(at);
  remember(at);
}

function showPreview(place) {
  if (!place) return preview.hide();
  const path = `/api/cameras/${given.cameras[place.index].id}/recordings/`;
  preview.show({ ...place, path, recorded: recordedAt(days[place.index], place.at) });
}

const timesOf = { alerts: (one) => one.alerts.map(({ at }) => at), motion: (one) => one.motion.map(({ start }) => start) };

function jumpTo(kind, direction) {
  const at = playback.isLive || playback.at === null ? Date.now() : playback.at;
  const found = neighbour(timeline.lanes.flatMap(timesOf[kind]), at, direction, MARGINS[kind][direction > 0 ? 0 : 1]);
  if (found === null) toast(kind === "alerts" ? texts.textNoAlert : texts.textNoMotion, "info");
  else jump(found);
}

const step = (by) => jump(Math.min(Date.now(), Math.max(day[0], (playback.isLive ? Date.now() : playback.at ?? Date.now()) + by)));
const lastRecorded = () => days.flatMap(({ recorded }) => recorded).reduce((last, { end }) => Math.max(last, end), 0);

// Back to the recorded time that was shown before the live view, or to the newest one.
async function leaveLive() {
  const at = playback.at ?? Math.max(day[0], lastRecorded() - STEP_MS);
  if (at < day[0] || at >= day[1]) await showDay(at);
  jump(at);
}

async function changeDay(by) {
  const other = new Date(day[0]);
  other.setDate(other.getDate() + by);
  await showDay(other.getTime());
}

const actions = {
  toggle: async () => {
    await loaded; // the button is there before the day is
    if (playback.isPlaying) return playback.pause();
    if (playback.isLive || playback.at === null) playback.seek(Math.max(day[0], lastRecorded() - STEP_MS));
    playback.play();
  },
  back: () => step(-STEP_MS),
  forward: () => step(STEP_MS),
  "previous-alert": () => jumpTo("alerts", -1),
  "next-alert": () => jumpTo("alerts", 1),
  "previous-motion": () => jumpTo("motion", -1),
  "next-motion": () => jumpTo("motion", 1),
  "zoom-in": () => timeline.zoomAtHead(0.5),
  "zoom-out": () => timeline.zoomAtHead(2),
  "day-before": () => changeDay(-1),
  "day-after": () => changeDay(1),
  search: () => {
    if (search.isDrawing || searched) return search.end();
    playback.pause();
    search.begin();
    showDrawing(true);
    root.querySelector("[data-do=search-finish]").focus(); // so that Enter ends the area
  },
  "search-finish": () => search.finish(),
  "save-frame": () => {
    const isSaved = playback.screens.map(({ video, isShown, player }, index) => isShown && saveFrame(video, given.cameras[index].name, player.now));
    if (!isSaved.includes(true)) toast(texts.textNoFrame, "info");
  },
  live: async () => {
    if (playback.isLive) return leaveLive();
    if (Date.now() >= day[1] || Date.now() < day[0]) await showDay(Date.now());
    playback.showLive();
    const query = new URLSearchParams(location.search);
    for (const name of ["at", "until", "play"]) query.delete(name);
    history.replaceState(null, "", `?${query}`);
  },
};

const keys = {
  " ": actions.toggle,
  ArrowLeft: actions.back,
  ArrowRight: actions.forward,
  j: actions["next-alert"],
  k: actions["previous-alert"],
  m: actions["next-motion"],
  M: actions["previous-motion"],
  "+": actions["zoom-in"],
  "-": actions["zoom-out"],
  l: actions.live,
  s: nextAudio,
};
const sliderKeys = {
  Home: () => jump(day[0]),
  End: () => jump(Math.min(day[1] - 1, Math.max(day[0], lastRecorded() - STEP_MS))),
  PageUp: () => step(600_000),
  PageDown: () => step(-600_000),
  ArrowUp: actions.forward,
  ArrowDown: actions.back,
};

root.addEventListener("click", ({ target }) => {
  const audio = target.closest("[data-audio]");
  if (audio) return playback.toggleAudio(Number(audio.dataset.audio));
  actions[target.closest("[data-do]")?.dataset.do]?.();
});
find("compare")?.addEventListener("change", ({ target }) => {
  const query = new URLSearchParams(location.search);
  if (target.value) query.append("with", target.value);
  else query.delete("with");
  if (!playback.isLive) query.set("at", new Date(playback.at).toISOString());
  location.search = query;
});
find("speed").addEventListener("change", ({ target }) => { playback.speed = Number(target.value); });
find("day").addEventListener("change", ({ target }) => { if (target.value) showDay(new Date(`${target.value}T00:00`).getTime()); });
document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest("input, select, textarea, dialog[open]")) return;
  if (event.key === " " && event.target.closest("button, a")) return;
  if (event.key === "Escape" && search.isDrawing) return search.end();
  if (event.target.closest("[data-handles]")) return; // which move a corner
  const isOnSlider = event.target === find("timeline");
  const action = (isOnSlider && sliderKeys[event.key]) || keys[event.key];
  if (!action) return;
  event.preventDefault();
  action();
});
setInterval(() => {
  if (document.hidden || Date.now() < day[0] || Date.now() >= day[1]) return;
  loadDays();
}, REFRESH_MS);
setInterval(() => { if (playback.isLive) render(); }, 1000);

for (const element of root.querySelectorAll("[data-timeline-panel], [data-screen]")) element.hidden = false;
for (const link of root.querySelectorAll("[data-page]")) link.hidden = true;
startLive();
const loaded = showDay(given.at ?? Date.now());
if (given.at === null) playback.showLive();
await loaded;
if (given.at !== null) {
  playback.seek(given.at);
  if (given.plays) playback.play();
}
