// Plays up to four cameras in step, by one time of day. The first camera that is recorded at that time leads.
import { gapAt, nextRecorded, recordedAt } from "./day.js";
import { RecordedPlayer } from "./recorded.js";
import { scan } from "./live.js";

const DRIFT_MS = 500; // more than this, and a camera that follows is moved
const TICK_MS = 200;

export class Playback {
  // `screens`: elements [data-screen]; `dayOfScreen(index)` returns the camera's day. `changed()` is called as the time
  // advances and after each change of state.
  constructor(screens, texts, dayOfScreen, changed, reload) {
    Object.assign(this, { texts, dayOfScreen, changed, reload });
    this.isLive = false;
    this.isPlaying = false;
    this.isMuted = true;
    this.heard = 0; // the only camera that is heard, unless `isMuted`
    this.at = null;
    this.screens = screens.map((element, index) => this.#prepare(element, index));
    for (const screen of this.screens) this.#caption(screen, "");
    setInterval(() => this.#tick(), TICK_MS);
  }

  #prepare(element, index) {
    element.querySelector("[data-plain]")?.remove();
    const video = Object.assign(document.createElement("video"), { muted: true, playsInline: true });
    video.setAttribute("aria-label", `${element.getAttribute("aria-label")}: ${this.texts.textPlaying}`);
    element.prepend(video);
    const player = new RecordedPlayer(video, `/api/cameras/${element.dataset.screen}/recordings/`, {
      ended: () => this.#onEnd(index),
      failed: (reason) => this.#onFailure(index, reason),
      tracked: () => this.changed(),
    });
    return { element, video, player, isShown: false };
  }

  get isSettled() { return this.screens.every(({ player, isShown }) => !isShown || player.isSettled); }

  set speed(value) {
    for (const { video } of this.screens) Object.assign(video, { defaultPlaybackRate: value, playbackRate: value });
  }

  hasAudio(index) { return !this.isLive && this.screens[index].isShown && this.screens[index].player.hasAudio; }

  isHeard(index) { return !this.isMuted && index === this.heard && this.hasAudio(index); }

  // The cameras that could be heard now.
  get audible() { return [...this.screens.keys()].filter((index) => this.hasAudio(index)); }

  // Hears that camera and no other, or none if it is heard already.
  toggleAudio(index) {
    this.isMuted = this.isHeard(index);
    this.heard = index;
    this.screens.forEach(({ video }, one) => { video.muted = this.isMuted || one !== index; });
    this.changed();
  }

  // Shows that time on all cameras. Within a gap, a camera shows the reason instead.
  seek(at, isReloaded = false) {
    this.#leaveLive();
    this.at = at;
    this.screens.forEach((screen, index) => this.#place(screen, index, at, isReloaded));
    this.changed();
  }

  play() {
    const starts = this.screens.map((_, index) => nextRecorded(this.dayOfScreen(index), this.at ?? 0));
    const next = Math.min(...starts.filter((one) => one !== null));
    if (!Number.isFinite(next)) return this.#say(this.screens[0], this.texts.textLater);
    this.isPlaying = true;
    if (this.isLive || next !== this.at) this.seek(next);
    for (const { player, isShown } of this.screens) if (isShown) player.play();
    this.changed();
  }

  pause() {
    this.isPlaying = false;
    for (const { player } of this.screens) player.pause();
    this.changed();
  }

  showLive() {
    this.pause();
    this.isLive = true;
    for (const screen of this.screens) {
      screen.player.stop();
      screen.isShown = false;
      const image = screen.element.querySelector("img");
      image.dataset.live = "";
      image.hidden = false;
      this.#caption(screen, this.texts.textLive);
    }
    this.explainLive();
    scan();
    this.changed();
  }

  // Says why there is no live view, if a gap lasts.
  explainLive() {
    if (!this.isLive) return;
    this.screens.forEach((screen, index) => this.#say(screen, this.dayOfScreen(index).gaps.find((gap) => gap.is_open)?.message ?? ""));
  }

  #leaveLive() {
    if (!this.isLive) return;
    this.isLive = false;
    for (const screen of this.screens) {
      screen.element.querySelector("img").hidden = true; // which ends its requests
      this.#caption(screen, "");
    }
  }

  #place(screen, index, at, isReloaded) {
    const day = this.dayOfScreen(index);
    const recorded = recordedAt(day, at);
    screen.isShown = recorded !== null;
    if (!recorded) {
      screen.player.pause();
      this.#say(screen, gapAt(day, at)?.message ?? this.texts.textNothing);
      return;
    }
    this.#say(screen, "");
    screen.player.seek(at, recorded.end, isReloaded);
    if (this.isPlaying) screen.player.play();
  }

  #leader() { return this.screens.find(({ isShown }) => isShown) ?? null; }

  #tick() {
    const leader = this.#leader();
    if (this.isLive || !this.isPlaying || !leader || !leader.player.isSettled) return;
    const at = leader.player.now;
    if (at === null || this.#hasSkippedOthers(leader, at)) return;
    this.at = at;
    this.screens.forEach((screen, index) => { if (screen !== leader) this.#follow(screen, index, at); });
    this.changed();
  }

  // The leader skips its own gap; another camera may be recorded in it.
  #hasSkippedOthers(leader, at) {
    const ended = recordedAt(this.dayOfScreen(this.screens.indexOf(leader)), this.at)?.end;
    if (!ended || at < ended + 1000) return false;
    const isOther = this.screens.some((screen, index) => screen !== leader && recordedAt(this.dayOfScreen(index), ended));
    if (isOther) this.seek(ended);
    return isOther;
  }

  #follow(screen, index, at) {
    const isRecorded = recordedAt(this.dayOfScreen(index), at) !== null;
    const isOff = screen.isShown && screen.player.isSettled && Math.abs(screen.player.now - at) > DRIFT_MS * Math.max(1, screen.video.playbackRate);
    if (isRecorded !== screen.isShown || isOff) this.#place(screen, index, at, false);
  }

  async #onEnd(index) {
    if (this.isLive || this.screens[index] !== this.#leader()) return;
    await this.reload(); // there may be newer segments
    const from = (this.at ?? 0) + 1000;
    const next = Math.min(...this.screens.map((_, one) => nextRecorded(this.dayOfScreen(one), from) ?? Infinity));
    if (Number.isFinite(next)) return this.seek(next, true);
    this.pause();
    this.#say(this.screens[index], this.texts.textLater);
  }

  #onFailure(index, reason) {
    const screen = this.screens[index];
    screen.player.target = null;
    this.#say(screen, { nothing: this.texts.textNothing, codec: this.texts.textCodec }[reason] ?? this.texts.textFailed);
    if (screen === this.#leader()) this.pause();
  }

  #say(screen, text) {
    const place = screen.element.querySelector("[data-message]");
    place.textContent = text;
    place.hidden = !text;
  }

  #caption(screen, text) {
    const name = this.screens.length > 1 ? screen.element.getAttribute("aria-label") : "";
    const caption = screen.element.querySelector("[data-caption]");
    caption.querySelector(".dot").className = `dot tone-${text ? "danger" : "idle"}`;
    caption.querySelector("[data-caption-text]").textContent = [name, text].filter(Boolean).join(" · ");
    caption.hidden = !name && !text;
  }
}
