// Shapes over the frame. Corners are buttons, so that mouse, touch, keyboard and screen readers can move them;
// outlines are an SVG stretched over the frame. Points are fractions of the frame.
const SVG = "http://www.w3.org/2000/svg";
const STEP = 0.01;
const clamp = (value) => Math.min(1, Math.max(0, value));
const rounded = ([x, y]) => [Math.round(clamp(x) * 1e4) / 1e4, Math.round(clamp(y) * 1e4) / 1e4];
const percent = (value) => `${Math.round(value * 1000) / 10}%`;
const LEAST = { zone: 3, mask: 3, privacy: 3, line: 2 };

function element(name, attributes) {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  return made;
}

const onSvg = (points) => points.map(([x, y]) => `${x * 1000},${y * 1000}`).join(" ");

// The counted direction of a line: a short stroke to the side where an object must end; `either` has both.
function ticks(shape) {
  const [[x1, y1], [x2, y2]] = shape.points;
  const [middleX, middleY] = [(x1 + x2) / 2, (y1 + y2) / 2];
  const length = Math.hypot(x2 - x1, y2 - y1) || 1;
  const [rightX, rightY] = [-(y2 - y1) / length, (x2 - x1) / length];
  const signs = { left_to_right: [1], right_to_left: [-1], either: [1, -1] }[shape.direction] ?? [];
  return signs.map((sign) => [[middleX, middleY], [middleX + rightX * sign * 0.06, middleY + rightY * sign * 0.06]]);
}

export class Drawing {
  // `changed(shape, isFinal)` is called while and after a corner moves; `chosen(shape)` when a shape is touched.
  constructor(stage, texts, { changed, chosen }) {
    this.stage = stage;
    this.texts = texts;
    this.changed = changed;
    this.chosen = chosen;
    this.svg = stage.querySelector("[data-shapes]");
    this.handles = stage.querySelector("[data-handles]");
    this.shapes = [];
    this.drawn = null; // { kind, points, done } while a new shape is drawn
    stage.addEventListener("pointerdown", (event) => this.#press(event));
    stage.addEventListener("pointermove", (event) => this.#hover(event));
    this.handles.addEventListener("keydown", (event) => this.#key(event));
  }

  show(shapes) {
    this.shapes = shapes;
    this.render();
  }

  // Requests the corners of a new shape; calls `done(points)`, without points if the user cancels.
  draw(kind, done) {
    this.drawn = { kind, points: [], done };
    this.stage.classList.add("is-drawing");
    this.render();
  }

  finish(isGivenUp = false) {
    const drawn = this.drawn;
    if (!drawn) return;
    this.drawn = null;
    this.stage.classList.remove("is-drawing");
    // Keyboard users start with a shape in the middle and move its corners.
    if (!isGivenUp && drawn.points.length === 0) {
      drawn.points = drawn.kind === "line" ? [[0.3, 0.6], [0.7, 0.6]] : [[0.3, 0.4], [0.7, 0.4], [0.7, 0.8], [0.3, 0.8]];
    }
    this.render();
    drawn.done(isGivenUp || drawn.points.length < LEAST[drawn.kind] ? null : drawn.points);
  }

  focus(shape, corner = 0) {
    this.handles.querySelector(`[data-shape="${this.shapes.indexOf(shape)}"][data-corner="${corner}"]`)?.focus();
  }

  #at(event) {
    const box = this.stage.getBoundingClientRect();
    return rounded([(event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height]);
  }

  #press(event) {
    if (event.button) return;
    if (this.drawn) {
      event.preventDefault();
      this.#add(this.#at(event));
      return;
    }
    const middle = event.target.closest("[data-middle]");
    if (middle) {
      const shape = this.shapes[middle.dataset.shape];
      const after = Number(middle.dataset.middle);
      shape.points.splice(after + 1, 0, this.#at(event));
      this.render();
      this.#drag(event, shape, after + 1);
      return;
    }
    const handle = event.target.closest("[data-corner]");
    if (handle) this.#drag(event, this.shapes[handle.dataset.shape], Number(handle.dataset.corner));
    else if (event.target.dataset?.shape) this.#drag(event, this.shapes[event.target.dataset.shape], null);
  }

  #add(point) {
    const { kind, points } = this.drawn;
    const box = this.stage.getBoundingClientRect();
    const isNear = points.length >= 3 && Math.hypot((point[0] - points[0][0]) * box.width, (point[1] - points[0][1]) * box.height) < 14;
    if (isNear) return this.finish();
    points.push(point);
    if (kind === "line" && points.length === 2) return this.finish();
    this.render();
  }

  #hover(event) {
    if (!this.drawn?.points.length || event.pointerType === "touch") return;
    this.drawn.pointer = this.#at(event);
    this.#renderShapes();
  }

  // Moves one corner, or the whole shape if `corner` is null.
  #drag(event, shape, corner) {
    event.preventDefault();
    this.chosen(shape);
    const began = this.#at(event);
    const before = shape.points.map((point) => [...point]);
    if (corner !== null) this.focus(shape, corner);
    const move = (moved) => {
      const now = this.#at(moved);
      if (corner !== null) shape.points[corner] = now;
      else {
        const room = (index, by) => Math.min(1 - Math.max(...before.map((p) => p[index])), Math.max(-Math.min(...before.map((p) => p[index])), by));
        const by = [room(0, now[0] - began[0]), room(1, now[1] - began[1])];
        shape.points.splice(0, shape.points.length, ...before.map(([x, y]) => rounded([x + by[0], y + by[1]])));
      }
      this.render(true);
      this.changed(shape, false);
    };
    const end = () => {
      removeEventListener("pointermove", move);
      removeEventListener("pointerup", end);
      removeEventListener("pointercancel", end);
      this.render();
      if (corner !== null) this.focus(shape, corner);
      this.changed(shape, true);
    };
    addEventListener("pointermove", move);
    addEventListener("pointerup", end);
    addEventListener("pointercancel", end);
  }

  #key(event) {
    const handle = event.target.closest("[data-corner]");
    if (!handle) return;
    const shape = this.shapes[handle.dataset.shape];
    const corner = Number(handle.dataset.corner);
    const step = event.shiftKey ? STEP * 5 : STEP;
    const by = { ArrowLeft: [-step, 0], ArrowRight: [step, 0], ArrowUp: [0, -step], ArrowDown: [0, step] }[event.key];
    let next = corner;
    if (by) shape.points[corner] = rounded([shape.points[corner][0] + by[0], shape.points[corner][1] + by[1]]);
    else if (event.key === "Delete" && shape.points.length > LEAST[shape.kind]) {
      shape.points.splice(corner, 1);
      next = Math.min(corner, shape.points.length - 1);
    } else if (event.key === "Insert" && shape.kind !== "line") {
      const [one, other] = [shape.points[corner], shape.points[(corner + 1) % shape.points.length]];
      shape.points.splice(corner + 1, 0, rounded([(one[0] + other[0]) / 2, (one[1] + other[1]) / 2]));
      next = corner + 1;
    } else return;
    event.preventDefault();
    this.render();
    this.chosen(shape);
    this.focus(shape, next);
    this.changed(shape, true);
  }

  render(onlyMoves = false) {
    this.#renderShapes();
    if (onlyMoves) this.#place();
    else this.#renderHandles();
  }

  #renderShapes() {
    const made = this.shapes.flatMap((shape, index) => {
      const look = { class: `shape shape-${shape.kind} ${shape.isChosen ? "is-chosen" : ""} colour-${shape.colour ?? 0}`, "data-shape": index };
      if (shape.kind !== "line") return [element("polygon", { ...look, points: onSvg(shape.points) })];
      const touch = element("polyline", { class: "shape-touch", "data-shape": index, points: onSvg(shape.points) });
      return [touch, element("polyline", { ...look, points: onSvg(shape.points) }), ...ticks(shape).map((points) => element("polyline", { class: look.class, points: onSvg(points) }))];
    });
    if (this.drawn?.points.length) {
      const points = this.drawn.pointer ? [...this.drawn.points, this.drawn.pointer] : this.drawn.points;
      made.push(element("polyline", { class: "shape shape-new", points: onSvg(points) }));
    }
    this.svg.replaceChildren(...made);
  }

  #renderHandles() {
    const made = [];
    const add = (className, [x, y], data, label) => {
      const handle = document.createElement(label ? "button" : "span");
      handle.className = className;
      Object.assign(handle.dataset, data);
      if (label) Object.assign(handle, { type: "button", ariaLabel: label, title: this.texts.moved });
      handle.style.left = percent(x);
      handle.style.top = percent(y);
      made.push(handle);
    };
    if (this.drawn) for (const point of this.drawn.points) add("handle is-new", point, {});
    else {
      for (const [index, shape] of this.shapes.entries()) {
        const at = ([x, y]) => `${Math.round(x * 100)} %, ${Math.round(y * 100)} %`;
        shape.points.forEach((point, corner) => add(`handle colour-${shape.colour ?? 0} handle-${shape.kind}`, point, { shape: index, corner }, `${shape.label}, ${this.texts.corner} ${corner + 1}: ${at(point)}`));
        if (shape.kind === "line") continue;
        shape.points.forEach(([x, y], corner) => {
          const [otherX, otherY] = shape.points[(corner + 1) % shape.points.length];
          add("middle", [(x + otherX) / 2, (y + otherY) / 2], { shape: index, middle: corner });
        });
      }
    }
    this.handles.replaceChildren(...made);
  }

  #place() {
    for (const handle of this.handles.children) {
      const shape = this.shapes[handle.dataset.shape];
      if (!shape) continue;
      const corner = Number(handle.dataset.corner ?? handle.dataset.middle);
      let [x, y] = shape.points[corner];
      if (handle.dataset.middle !== undefined) {
        const [otherX, otherY] = shape.points[(corner + 1) % shape.points.length];
        [x, y] = [(x + otherX) / 2, (y + otherY) / 2];
      }
      handle.style.left = percent(x);
      handle.style.top = percent(y);
    }
  }
}
