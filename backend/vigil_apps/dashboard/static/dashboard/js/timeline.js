// A timeline: lanes of cameras over a part of a day, drawn on a canvas. A press shows that time, dragging scrubs, the
// wheel and two fingers zoom, dragging the scale moves it. The page handles keys; the element is a slider for screen readers.
import { language } from "./time.js";

const SCALE_PX = 24;
const LANE_PX = 52;
const NARROW_LANE_PX = 36;
const LEAST_MS = 300_000;
const STEPS_MS = [10, 30, 60, 300, 600, 1800, 3600, 7200, 10800, 21600].map((seconds) => seconds * 1000);
const LABEL_PX = 72;

export class Timeline {
  // `chosen(ms, isFinal)` is called while and after a time is pressed or dragged; `moved()` if another part is shown;
  // `pointed(place)` if the pointer is on another time, with null when it leaves.
  constructor(element, { chosen, moved, pointed }) {
    this.element = element;
    this.canvas = element.querySelector("[data-canvas]");
    this.head = element.querySelector("[data-head]");
    this.chosen = chosen;
    this.moved = moved;
    this.pointed = pointed;
    this.lanes = []; // { name, recorded, gaps, motion, alerts } with times in ms
    this.day = [0, 1];
    this.view = [0, 1];
    this.at = null;
    this.pointers = new Map();
    element.addEventListener("pointerdown", (event) => this.#press(event));
    element.addEventListener("pointermove", (event) => this.#move(event));
    for (const name of ["pointerup", "pointercancel"]) element.addEventListener(name, (event) => this.#release(event));
    element.addEventListener("pointerleave", () => this.pointed(null));
    element.addEventListener("wheel", (event) => this.#wheel(event), { passive: false });
    new ResizeObserver(() => this.draw()).observe(element);
    document.addEventListener("vigil:theme", () => this.draw());
  }

  showDay(day) {
    this.day = day;
    this.view = [...day];
  }

  showLanes(lanes) {
    this.lanes = lanes;
    const lane = lanes.length > 1 ? NARROW_LANE_PX : LANE_PX;
    this.element.style.height = `${SCALE_PX + lanes.length * lane}px`;
    this.draw();
  }

  showTime(ms, text) {
    this.at = ms;
    const seconds = Math.round((ms - this.day[0]) / 1000);
    this.element.setAttribute("aria-valuemax", String(Math.round((this.day[1] - this.day[0]) / 1000)));
    this.element.setAttribute("aria-valuenow", String(seconds));
    this.element.setAttribute("aria-valuetext", text);
    this.#placeHead();
  }

  // Moves the shown part so that it contains that time.
  follow(ms) {
    const [from, to] = this.view;
    if (ms >= from && ms <= to) return;
    this.#show(ms - (to - from) / 4, to - from);
  }

  // The time under the pointer stays where it is.
  zoom(factor, around) {
    const [from, to] = this.view;
    const length = this.#length(factor);
    this.#show(around - ((around - from) * length) / (to - from), length);
  }

  // By key or button: the player's time moves to the middle, so that what is before and after it is shown.
  zoomAtHead(factor) {
    const [from, to] = this.view;
    const middle = this.at !== null && this.at >= from && this.at <= to ? this.at : (from + to) / 2;
    const length = this.#length(factor);
    this.#show(middle - length / 2, length);
  }

  #length(factor) {
    return Math.min(this.day[1] - this.day[0], Math.max(LEAST_MS, (this.view[1] - this.view[0]) * factor));
  }

  #show(from, length) {
    const begin = Math.min(Math.max(from, this.day[0]), this.day[1] - length);
    this.view = [begin, begin + length];
    this.draw();
    this.moved();
  }

  #x(ms, width) { return ((ms - this.view[0]) / (this.view[1] - this.view[0])) * width; }

  #timeAt(event) {
    const box = this.element.getBoundingClientRect();
    const share = Math.min(1, Math.max(0, (event.clientX - box.left) / box.width));
    return this.view[0] + share * (this.view[1] - this.view[0]);
  }

  // Tells which time of which lane the pointer is on.
  #point(event) {
    const { left, top, width, height } = this.element.getBoundingClientRect();
    const isOutside = event.clientY < top + SCALE_PX || event.clientX < left || event.clientX > left + width;
    if (!this.lanes.length || (isOutside && !this.pointers.size) || this.pointers.size > 1) return this.pointed(null);
    const lane = Math.floor(((event.clientY - top - SCALE_PX) / (height - SCALE_PX)) * this.lanes.length);
    this.pointed({
      at: this.#timeAt(event),
      index: Math.min(this.lanes.length - 1, Math.max(0, lane)),
      left: Math.min(width, Math.max(0, event.clientX - left)),
      width,
      msPerPixel: (this.view[1] - this.view[0]) / width,
    });
  }

  #press(event) {
    if (event.button) return;
    const box = this.element.getBoundingClientRect();
    this.pointers.set(event.pointerId, { x: event.clientX, pans: event.clientY - box.top < SCALE_PX });
    this.element.setPointerCapture(event.pointerId);
    this.#point(event);
    if (this.pointers.size === 1 && !this.pointers.get(event.pointerId).pans) this.chosen(this.#timeAt(event), false);
  }

  #move(event) {
    this.#point(event);
    const pointer = this.pointers.get(event.pointerId);
    if (!pointer) return;
    const former = [...this.pointers.values()].map(({ x }) => x);
    const by = event.clientX - pointer.x;
    pointer.x = event.clientX;
    if (this.pointers.size === 2) this.#pinch(former, [...this.pointers.values()].map(({ x }) => x));
    else if (pointer.pans) {
      const length = this.view[1] - this.view[0];
      this.#show(this.view[0] - (by / this.element.clientWidth) * length, length);
    } else this.chosen(this.#timeAt(event), false);
  }

  #pinch([one, other], [oneNow, otherNow]) {
    const { left, width } = this.element.getBoundingClientRect();
    const middle = this.view[0] + (((oneNow + otherNow) / 2 - left) / width) * (this.view[1] - this.view[0]);
    this.zoom(Math.max(10, Math.abs(one - other)) / Math.max(10, Math.abs(oneNow - otherNow)), middle);
  }

  #release(event) {
    const pointer = this.pointers.get(event.pointerId);
    const wasAlone = this.pointers.size === 1;
    this.pointers.delete(event.pointerId);
    if (event.pointerType !== "mouse") this.pointed(null); // a finger that is lifted is nowhere
    if (pointer && wasAlone && !pointer.pans && event.type === "pointerup") this.chosen(this.#timeAt(event), true);
  }

  #wheel(event) {
    if (event.ctrlKey || Math.abs(event.deltaY) > Math.abs(event.deltaX)) {
      if (!event.ctrlKey && !event.altKey && this.view[1] - this.view[0] >= this.day[1] - this.day[0] && event.deltaY > 0) return; // let the page scroll
      event.preventDefault();
      this.zoom(event.deltaY > 0 ? 1.25 : 0.8, this.#timeAt(event));
    } else if (event.deltaX) {
      event.preventDefault();
      const length = this.view[1] - this.view[0];
      this.#show(this.view[0] + (event.deltaX / this.element.clientWidth) * length, length);
    }
  }

  #placeHead() {
    const [from, to] = this.view;
    this.head.hidden = this.at === null || this.at < from || this.at > to;
    this.head.style.left = `${((this.at - from) / (to - from)) * 100}%`;
  }

  draw() {
    const { clientWidth: width, clientHeight: height } = this.element;
    if (!width || !height) return;
    const ratio = window.devicePixelRatio || 1;
    Object.assign(this.canvas, { width: Math.round(width * ratio), height: Math.round(height * ratio) });
    const pen = this.canvas.getContext("2d");
    pen.scale(ratio, ratio);
    const style = getComputedStyle(this.element);
    const colour = (name) => style.getPropertyValue(name).trim();
    this.#drawScale(pen, width, height, colour, style.fontFamily);
    const laneHeight = (height - SCALE_PX) / Math.max(1, this.lanes.length);
    this.lanes.forEach((lane, index) => this.#drawLane(pen, lane, SCALE_PX + index * laneHeight, laneHeight, width, colour, style.fontFamily));
    this.#placeHead();
  }

  #drawScale(pen, width, height, colour, face) {
    const length = this.view[1] - this.view[0];
    const step = STEPS_MS.find((one) => (one / length) * width >= LABEL_PX) ?? STEPS_MS.at(-1);
    const label = new Intl.DateTimeFormat(language, { hour: "2-digit", minute: "2-digit", ...(step < 60_000 && { second: "2-digit" }) });
    pen.font = `11px ${face}`;
    pen.textBaseline = "middle";
    // From the beginning of the day, so that labels are whole hours in every time zone.
    const first = this.day[0] + Math.ceil((this.view[0] - this.day[0]) / step) * step;
    for (let at = first; at <= this.view[1]; at += step) {
      const x = this.#x(at, width);
      pen.fillStyle = colour("--line");
      pen.fillRect(Math.round(x), SCALE_PX - 5, 1, height);
      pen.fillStyle = colour("--text-faint");
      const text = label.format(at);
      const half = pen.measureText(text).width / 2;
      if (x - half >= 0 && x + half <= width) pen.fillText(text, x - half, SCALE_PX / 2 - 1);
    }
  }

  #drawLane(pen, lane, top, height, width, colour, face) {
    const bar = (from, to, least = 1) => [this.#x(from, width), Math.max(least, this.#x(to, width) - this.#x(from, width))];
    const isSeen = ({ start, end }) => end >= this.view[0] && start <= this.view[1];
    const [upper, lower] = [top + 6, top + height - 6];
    pen.fillStyle = colour("--moved");
    pen.globalAlpha = 0.38;
    for (const one of lane.recorded.filter(isSeen)) {
      const [x, wide] = bar(one.start, one.end);
      pen.fillRect(x, upper, wide, lower - upper);
    }
    pen.globalAlpha = 1;
    for (const one of lane.gaps.filter(isSeen)) this.#drawGap(pen, bar(one.start, one.end), upper, lower, colour("--gap"));
    pen.fillStyle = colour("--moved");
    for (const one of lane.motion.filter(isSeen)) {
      const [x, wide] = bar(one.start, one.end);
      const tall = (lower - upper) * (0.2 + 0.5 * (one.percent / 100));
      pen.fillRect(x, lower - tall, wide, tall);
    }
    pen.fillStyle = colour("--alert");
    for (const { at } of lane.alerts.filter((one) => one.at >= this.view[0] && one.at <= this.view[1])) {
      const x = this.#x(at, width);
      pen.fillRect(x - 1, upper - 4, 2, lower - upper + 4);
      pen.fillRect(x - 3, upper - 5, 6, 4);
    }
    if (this.lanes.length > 1) {
      pen.font = `600 11px ${face}`;
      pen.fillStyle = colour("--text");
      pen.fillText(lane.name, 8, top + height / 2, width / 2);
    }
  }

  #drawGap(pen, [x, wide], upper, lower, colour) {
    pen.save();
    pen.beginPath();
    pen.rect(x, upper, wide, lower - upper);
    pen.clip();
    pen.strokeStyle = colour;
    pen.lineWidth = 1.5;
    const tall = lower - upper;
    // Stripes begin at multiples, so that they do not move while the gap becomes longer.
    const begin = Math.max(-tall, Math.floor((x - tall) / 7) * 7);
    for (let at = begin; at < Math.min(x + wide, pen.canvas.width); at += 7) {
      pen.moveTo(at, lower);
      pen.lineTo(at + tall, upper);
    }
    pen.stroke();
    pen.restore();
    pen.fillStyle = colour;
    pen.fillRect(x, lower - 2, wide, 2);
  }
}
