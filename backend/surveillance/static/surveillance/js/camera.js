// A camera's page: its picture of now, or its own video where a media server has it.
import { start } from "./live.js";
import { toast } from "./page.js";
import { play } from "./whep.js";

let stop = null;

function rest(video, button) {
  stop?.();
  stop = null;
  delete video.dataset.shows;
  button.setAttribute("aria-pressed", "false");
}

async function toggle(button) {
  const video = document.querySelector("[data-whep]");
  if (stop) return rest(video, button);
  button.disabled = true;
  try {
    stop = await play(video, video.dataset.whep, () => rest(video, button));
    video.dataset.shows = "now";
    button.setAttribute("aria-pressed", "true");
  } catch {
    toast(button.dataset.failed);
  }
  button.disabled = false;
}

start();
document.querySelector("[data-play]")?.addEventListener("click", ({ currentTarget }) => toggle(currentTarget));
window.addEventListener("pagehide", () => stop?.());
