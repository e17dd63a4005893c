// Draws an area on the first camera's frame and finds motion in it.
import { Drawing } from "./drawing.js";

const ANSWER_MS = 10_000;
const rounded = (value) => Math.round(value * 1000) / 1000;

export class MotionSearch {
  // `screen`: of the camera; `texts`: of the page; `changed(points)` is called with the corners of a finished area, and
  // with null if there is none any more.
  constructor(screen, texts, changed) {
    this.screen = screen;
    this.stage = screen.querySelector("[data-search-stage]");
    this.texts = texts;
    this.changed = changed;
    this.shape = null;
    this.drawing = new Drawing(this.stage, { corner: texts.textCorner, moved: texts.textMoved }, {
      changed: (shape, isFinal) => { if (isFinal) this.changed(shape.points); },
      chosen: () => {},
    });
  }

  get isDrawing() { return this.drawing.drawn !== null; }

  begin() {
    // Corners are fractions of the frame, so the screen must have its shape.
    const picture = [...this.screen.querySelectorAll("video, img")].find((one) => one.videoWidth || (!one.hidden && one.naturalWidth));
    const [width, height] = [picture?.videoWidth ?? picture?.naturalWidth, picture?.videoHeight ?? picture?.naturalHeight];
    if (width && height) this.screen.style.aspectRatio = `${width} / ${height}`;
    this.stage.hidden = false;
    this.drawing.draw("zone", (points) => {
      if (!points) return this.end();
      this.shape = { kind: "zone", colour: 0, points, isChosen: true, label: this.texts.textArea };
      this.drawing.show([this.shape]);
      this.changed(points);
    });
  }

  finish() { this.drawing.finish(); }

  end() {
    if (this.isDrawing) return this.drawing.finish(true);
    this.shape = null;
    this.drawing.show([]);
    this.stage.hidden = true;
    this.screen.style.removeProperty("aspect-ratio");
    this.changed(null);
  }
}

// Returns the periods in which something moved inside the area. Throws if the server does not answer with them.
export async function findMotion(camera, [from, to], points) {
  const query = new URLSearchParams({
    from: new Date(from).toISOString(),
    to: new Date(to).toISOString(),
    polygon: points.map(([x, y]) => `${rounded(x)},${rounded(y)}`).join(" "),
  });
  const answer = await fetch(`/api/cameras/${camera.id}/recordings/motion/?${query}`, { signal: AbortSignal.timeout(ANSWER_MS) });
  if (!answer.ok) throw new Error(String(answer.status));
  const found = await answer.json();
  const motion = found.motion.map((one) => ({ ...one, start: Date.parse(one.start), end: Date.parse(one.end) }));
  return { motion, withoutPosition: found.without_position };
}
