// The wall: fits its tiles to the screen, enlarges one tile, and supports full screen.
import { start } from "./live.js";

const GAP_PX = 12;
const stage = document.getElementById("wall-stage");
const dialog = document.getElementById("enlarged");
const picture = dialog.querySelector("[data-enlarged-picture]");

// The number of columns that gives the largest tiles (16:9) without scrolling.
export function bestColumns(count, width, height) {
  let best = 1;
  let largest = 0;
  for (let columns = 1; columns <= count; columns += 1) {
    const rows = Math.ceil(count / columns);
    const wide = (width - GAP_PX * (columns - 1)) / columns;
    const high = (height - GAP_PX * (rows - 1)) / rows;
    const tile = Math.min(wide, (high * 16) / 9);
    if (tile > largest) [best, largest] = [columns, tile];
  }
  return best;
}

function fit() {
  const wall = stage.querySelector("[data-wall]");
  if (!wall) return;
  const isFull = document.fullscreenElement === stage;
  const count = wall.children.length;
  if (isFull) stage.style.setProperty("--columns", bestColumns(count, innerWidth - 24, innerHeight - 24));
  else stage.style.removeProperty("--columns");
  stage.classList.toggle("is-full", isFull);
}

function enlarge(tile) {
  const image = tile.querySelector("[data-live]");
  dialog.querySelector("[data-enlarged-name]").textContent = image.dataset.name;
  dialog.querySelector("[data-enlarged-link]").href = tile.querySelector(".tile-open").href;
  picture.src = image.dataset.stream;
  dialog.showModal();
}

picture.addEventListener("error", () => picture.removeAttribute("src"));
dialog.addEventListener("close", () => picture.removeAttribute("src")); // which ends the stream
document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-enlarge]");
  if (button) enlarge(button.closest(".tile"));
  if (event.target.closest("[data-full-screen]")) stage.requestFullscreen?.();
});
document.addEventListener("fullscreenchange", fit);
document.addEventListener("htmx:afterSettle", fit);
addEventListener("resize", fit);
document.querySelector("[data-filters]")?.addEventListener("change", (event) => event.currentTarget.requestSubmit());
start();
fit();
