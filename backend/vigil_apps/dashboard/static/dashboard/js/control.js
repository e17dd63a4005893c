// The controls of a camera: movements, presets and relays. A detector carries out the commands; each movement is short
// and ends by itself, so that a lost connection does not leave the camera turning.
import { inOwnWords } from "./reasons.js";
import { send } from "./send.js";
import { outcome, wordsOf } from "./tasks.js";

const MOVE_SECONDS = 0.5;
const ASK_MS = 300;
const panel = document.querySelector("[data-control]");

const part = (name) => panel.querySelector(`[data-${name}]`);
const say = (text) => { part("control-text").textContent = text; };

// Returns the result of a command that the camera has accepted; null after an error, which is shown.
async function command(values) {
  const asked = await send(panel.dataset.control, values);
  if (asked?.status !== 202) {
    say(wordsOf(asked?.body) || panel.dataset.textFailed);
    return null;
  }
  const result = (await outcome(`/api/controls/${asked.body.id}/`, ASK_MS))?.result;
  say(result?.answers ? "" : inOwnWords(result?.message ?? "") || panel.dataset.textFailed);
  return result?.answers ? result : null;
}

function button(text, label, onClick) {
  const made = Object.assign(document.createElement("button"), { type: "button", className: "button", textContent: text });
  made.setAttribute("aria-label", label);
  made.addEventListener("click", onClick);
  return made;
}

function relayButtons({ token }) {
  const { textRelay, textOn, textOff } = panel.dataset;
  const name = Object.assign(document.createElement("span"), { textContent: `${textRelay} ${token}` });
  const choices = [[textOn, true], [textOff, false]].map(([text, on]) => (
    button(text, `${textRelay} ${token}: ${text}`, () => command({ action: "relay", relay: token, on }))
  ));
  return [name, ...choices];
}

async function load() {
  say(panel.dataset.textAsking);
  const status = await command({ action: "status" });
  if (!status) return;
  part("ptz").hidden = !status.has_ptz;
  part("presets").hidden = !status.presets.length;
  part("presets").querySelector("select").replaceChildren(...status.presets.map((preset) => new Option(preset.name, preset.token)));
  part("relays").hidden = !status.relays.length;
  part("relays").replaceChildren(...status.relays.flatMap(relayButtons));
  panel.dataset.loaded = "yes";
  if (!status.has_ptz && !status.relays.length) say(panel.dataset.textNone);
}

panel?.addEventListener("toggle", () => { if (panel.open && !panel.dataset.loaded) load(); });
panel?.addEventListener("click", ({ target }) => {
  const move = target.closest("[data-move]")?.dataset.move;
  if (move) {
    const [pan, tilt, zoom] = move.split(" ").map(Number);
    command({ action: "move", pan, tilt, zoom, seconds: MOVE_SECONDS });
  } else if (target.closest("[data-stop]")) {
    command({ action: "stop" });
  } else if (target.closest("[data-go]")) {
    command({ action: "preset", preset: part("presets").querySelector("select").value });
  }
});
