// Sound and browser notifications for new alerts, if enabled; the choice is stored in this browser.
const KEY = "vigil-notify";
const button = document.querySelector("[data-notify]");
let sound = null;

export const isWanted = () => button?.getAttribute("aria-pressed") === "true";

function remember(isOn) {
  button.setAttribute("aria-pressed", String(isOn));
  try {
    localStorage.setItem(KEY, isOn ? "1" : "");
  } catch { /* it holds for this page then */ }
}

// Two short synthesised tones. Browsers only allow sound after a click or key press in the page.
function beep() {
  try {
    sound ??= new AudioContext();
    for (const [delay, pitch] of [[0, 880], [0.16, 1175]]) {
      const tone = sound.createOscillator();
      const volume = sound.createGain();
      tone.frequency.value = pitch;
      volume.gain.setValueAtTime(0.12, sound.currentTime + delay);
      volume.gain.exponentialRampToValueAtTime(0.001, sound.currentTime + delay + 0.14);
      tone.connect(volume).connect(sound.destination);
      tone.start(sound.currentTime + delay);
      tone.stop(sound.currentTime + delay + 0.15);
    }
  } catch { /* no sound in this browser */ }
}

// `rows`: the new alerts, newest first.
export function tell(rows) {
  if (!isWanted() || !rows.length) return;
  beep();
  if (!("Notification" in window) || Notification.permission !== "granted") return;
  const [row] = rows;
  const rest = rows.length > 1 ? ` (+${rows.length - 1})` : "";
  const shown = new Notification(`${row.getAttribute("aria-label")}${rest}`, { tag: "vigil-alert", renotify: true, silent: true });
  shown.onclick = () => {
    window.focus();
    shown.close();
  };
}

export function start() {
  if (!button) return;
  let known = "";
  try {
    known = localStorage.getItem(KEY) ?? "";
  } catch { /* storage may be forbidden */ }
  button.setAttribute("aria-pressed", String(known === "1"));
  button.addEventListener("click", async () => {
    remember(!isWanted());
    if (!isWanted()) return;
    beep();
    if ("Notification" in window && Notification.permission === "default") await Notification.requestPermission();
  });
}
