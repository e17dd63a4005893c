// The time under the pointer or finger, with its picture, above the timeline. Recordings of earlier versions have none.
import { language } from "./time.js";

const LEAST_GRID_MS = 2000; // segments take some seconds, and each has one picture
const GRID_PX = 3;

export class Preview {
  constructor(element) {
    this.element = element;
    this.image = element.querySelector("img");
    this.time = element.querySelector("[data-preview-time]");
    this.format = new Intl.DateTimeFormat(language, { hour: "2-digit", minute: "2-digit", second: "2-digit" });
    this.wanted = "";
    this.isLoading = false;
    this.isPicture = false; // whether there is a picture of `shown`
  }

  // `path`: of the camera's recordings; `recorded`: the recorded period that contains the time, or null.
  show({ at, left, width, msPerPixel, path, recorded }) {
    this.element.hidden = false;
    this.time.textContent = this.format.format(at);
    [this.left, this.width] = [left, width];
    this.#place();
    // On a grid, so that pictures come from the browser's cache when the pointer returns.
    const grid = Math.max(LEAST_GRID_MS, msPerPixel * GRID_PX);
    const moment = recorded && Math.max(recorded.start, Math.floor(at / grid) * grid);
    this.wanted = recorded ? `${path}preview/?at=${new Date(moment).toISOString()}` : "";
    if (!this.wanted) this.#showImage(false);
    this.#load();
  }

  hide() {
    this.element.hidden = true;
    this.wanted = "";
  }

  #showImage(isShown) {
    this.image.hidden = !isShown;
    this.#place();
  }

  // Within the timeline, whatever the width of the picture.
  #place() {
    const half = this.element.offsetWidth / 2;
    this.element.style.left = `${Math.min(Math.max(this.left, half), Math.max(half, this.width - half))}px`;
  }

  // One request at a time: the newest follows when the last is answered.
  async #load() {
    if (this.isLoading || !this.wanted) return;
    if (this.wanted === this.shown) return this.#showImage(this.isPicture); // the pointer came back from a gap
    const address = this.wanted;
    const loaded = Object.assign(new Image(), { src: address });
    this.isLoading = true;
    this.isPicture = await loaded.decode().then(() => true, () => false);
    this.isLoading = false;
    this.shown = address;
    if (this.isPicture) this.image.src = address;
    this.#showImage(this.isPicture && Boolean(this.wanted));
    if (!this.element.hidden && this.wanted !== this.shown) this.#load();
  }
}
