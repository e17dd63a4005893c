// The page of a camera: its live view, or its video from a media server.
import { start } from "./live.js";
import { toast } from "./page.js";
import { play as playHls } from "./hls.js";
import { play as playWhep } from "./whep.js";

let stop = null;

function rest(video, button) {
  stop?.();
  stop = null;
  delete video.dataset.shows;
  button.setAttribute("aria-pressed", "false");
}

async function toggle(button) {
  const video = document.querySelector("[data-video]");
  if (stop) return rest(video, button);
  button.disabled = true;
  // WebRTC has little delay but does not work in every network; HLS is plain HTTP.
  for (const [play, url] of [[playWhep, video.dataset.whep], [playHls, video.dataset.hls]]) {
    if (!url || stop) continue;
    stop = await play(video, url, () => rest(video, button)).catch(() => null);
    if (stop && play === playHls) toast(button.dataset.late);
  }
  if (stop) {
    video.dataset.shows = "now";
    button.setAttribute("aria-pressed", "true");
  } else {
    toast(button.dataset.failed);
  }
  button.disabled = false;
}

start();
document.querySelector("[data-play]")?.addEventListener("click", ({ currentTarget }) => toggle(currentTarget));
window.addEventListener("pagehide", () => stop?.());
