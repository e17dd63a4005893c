// Dialogs, toasts and the theme button of every page.
import { refresh } from "./poll.js";

export function start() {
  document.addEventListener("click", (event) => {
    const opener = event.target.closest("[data-open]");
    if (opener) document.getElementById(opener.dataset.open)?.showModal();
    if (event.target.closest("[data-toggle-theme]")) window.vigilToggleTheme();
    if (event.target instanceof HTMLDialogElement) event.target.close(); // a click beside it
  });
  // Shapes fit an image only if their container has the image's aspect ratio.
  const fitFrame = ({ target }) => {
    const frame = target.closest?.(".screen");
    const [width, height] = [target.naturalWidth ?? target.videoWidth, target.naturalHeight ?? target.videoHeight];
    if (frame?.querySelector(".overlay") && width && height) frame.style.aspectRatio = `${width} / ${height}`;
  };
  document.addEventListener("load", fitFrame, true);
  document.addEventListener("loadedmetadata", fitFrame, true);
  // Neither event bubbles. A clip without a decoder for its video can still load: it then has sound and no picture.
  const reportClip = ({ target }) => {
    if (!target.matches?.("video[data-clip]") || (!target.error && target.videoWidth)) return;
    target.closest("[data-detail]")?.querySelector("[data-clip-problem]")?.removeAttribute("hidden");
  };
  document.addEventListener("error", reportClip, true);
  document.addEventListener("loadedmetadata", reportClip, true);
  for (const clip of document.querySelectorAll("video[data-clip]")) if (clip.error) reportClip({ target: clip });
  for (const message of document.querySelectorAll("[data-toast]")) setTimeout(() => message.remove(), 6000);
  document.addEventListener("vigil:handled", refresh);
  document.addEventListener("htmx:responseError", (event) => {
    if (event.target.matches("[data-poll]")) return;
    toast(`${event.detail.xhr.status}: ${document.body.dataset.refused}`);
  });
  document.addEventListener("htmx:sendError", (event) => {
    if (event.target.matches("[data-poll]")) return;
    toast(document.body.dataset.unreachable);
  });
}

export function toast(text, tone = "danger") {
  const message = document.createElement("div");
  message.className = `toast tone-${tone}`;
  message.textContent = text;
  document.getElementById("toasts").append(message);
  setTimeout(() => message.remove(), 6000);
}
