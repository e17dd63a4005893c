// The camera form: tests the URL while the user types and shows an image before saving; discovers cameras in the
// network. A detector does both; this script requests the tasks and reads the results.
import { inOwnWords } from "./reasons.js";
import { send } from "./send.js";
import { outcome, wordsOf } from "./tasks.js";

const QUIET_MS = 1200;
const panel = document.querySelector("[data-probe]");
const url = document.getElementById("id_rtsp_url");
const transport = document.getElementById("id_transport");
const texts = panel.dataset;
let timer = null;
let tried = "";
let turn = 0; // of the newest try: what an older one brings is not shown

const isWhole = (text) => /^rtsps?:\/\/[^\s/]+\/\S*$/i.test(text) && !text.includes("***");

function show(state, text, picture = "") {
  panel.hidden = false;
  panel.dataset.state = state;
  panel.querySelector("[data-probe-text]").textContent = text;
  const image = panel.querySelector("img");
  image.hidden = !picture;
  if (picture) image.src = picture;
  else image.removeAttribute("src");
}

async function probe(path, values) {
  turn += 1;
  const mine = turn;
  show("trying", texts.textTrying);
  const asked = await send(path, values);
  if (mine !== turn) return;
  if (asked?.status !== 202) return void show("failed", wordsOf(asked?.body) || texts.textNone);
  const body = await outcome(`/api/probes/${asked.body.id}/`);
  if (mine !== turn) return;
  if (!body?.result) return void show("failed", texts.textNone);
  const { answers, message, width, height, codec } = body.result;
  if (!answers) return void show("failed", inOwnWords(message));
  show("works", `${texts.textWorks} ${width ?? "?"} × ${height ?? "?"}${codec ? `, ${codec}` : ""}`, body.snapshot ?? "");
}

function typed() {
  clearTimeout(timer);
  const text = url.value.trim();
  const key = `${text} ${transport.value}`;
  if (!isWhole(text) || key === tried) return;
  timer = setTimeout(() => {
    tried = key;
    probe("/api/probes/", { rtsp_url: text, transport: transport.value });
  }, QUIET_MS);
}

// The device can then be asked for its streams, once its password is entered.
function fillInDevice(camera) {
  document.getElementById("device-address").value = camera.address;
  const service = camera.services.find((one) => URL.canParse(one));
  if (!service) return;
  const { port, protocol } = new URL(service);
  document.getElementById("device-port").value = port || (protocol === "https:" ? 443 : 80);
}

async function discover(button) {
  const list = document.querySelector("[data-found]");
  const say = (text) => list.replaceChildren(Object.assign(document.createElement("li"), { className: "field-help", textContent: text }));
  button.disabled = true;
  say(texts.textLooking);
  const asked = await send("/api/discovery/", {});
  const body = asked?.status === 202 ? await outcome(`/api/discovery/${asked.body.id}/`) : null;
  button.disabled = false;
  const cameras = body?.result?.cameras ?? [];
  if (!cameras.length) return void say(inOwnWords(body?.result?.message ?? "") || (asked && asked.status !== 202 && wordsOf(asked.body)) || texts.textNothing);
  list.replaceChildren(...cameras.map((camera) => {
    const choose = Object.assign(document.createElement("button"), { type: "button", className: "found" });
    choose.append(Object.assign(document.createElement("strong"), { textContent: camera.name || camera.address }), ` ${[camera.hardware, camera.location, camera.address].filter(Boolean).join(" · ")}`);
    choose.addEventListener("click", () => {
      url.value = `rtsp://${camera.address.includes(":") ? `[${camera.address}]` : camera.address}:554/`;
      const name = document.getElementById("id_name");
      if (!name.value) name.value = camera.name;
      fillInDevice(camera);
      url.focus();
      typed();
    });
    const item = document.createElement("li");
    item.append(choose);
    return item;
  }));
}

url.addEventListener("input", typed);
transport.addEventListener("change", typed);
document.querySelector("[data-test-saved]")?.addEventListener("click", (event) => probe(event.currentTarget.dataset.testSaved, {}));
document.querySelector("[data-discover]")?.addEventListener("click", (event) => discover(event.currentTarget));
