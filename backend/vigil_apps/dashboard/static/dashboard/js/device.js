// The camera form: asks an ONVIF device for its streams and fills in what it answers. The password leaves the form only
// in this request and within the RTSP URL.
import { inOwnWords } from "./reasons.js";
import { send } from "./send.js";
import { outcome, wordsOf } from "./tasks.js";

const panel = document.querySelector("[data-device]");
const texts = panel.dataset;
const field = (name) => document.getElementById(`device-${name}`);
const say = (text) => { panel.querySelector("[data-device-text]").textContent = text; };

function withCredentials(url, username, password) {
  if (!username) return url;
  return url.replace("://", `://${encodeURIComponent(username)}:${encodeURIComponent(password)}@`);
}

const sizeOf = (stream) => `${stream.width ?? "?"} × ${stream.height ?? "?"}${stream.codec ? `, ${stream.codec}` : ""}`;

function summaryOf(result) {
  const parts = [[result.manufacturer, result.model].filter(Boolean).join(" "), sizeOf(result.main_stream)];
  if (result.sub_stream) parts.push(`${texts.textSubStream} ${sizeOf(result.sub_stream)}`);
  const seconds = result.time_difference_seconds;
  if (seconds !== null) parts.push(`${texts.textClock} ${seconds > 0 ? "+" : ""}${seconds.toFixed(0)} s`);
  return [parts.filter(Boolean).join(" · "), inOwnWords(result.message)].filter(Boolean).join(". ");
}

function fillIn(result) {
  const name = document.getElementById("id_name");
  const url = document.getElementById("id_rtsp_url");
  if (!name.value) name.value = [result.manufacturer, result.model].filter(Boolean).join(" ").slice(0, 100);
  document.getElementById("id_onvif_port").value = field("port").value;
  document.getElementById("id_stream_path").value = result.stream_path;
  url.value = withCredentials(result.main_stream.rtsp_url, field("username").value, field("password").value);
  url.dispatchEvent(new Event("input", { bubbles: true })); // the stream is tested as if it were typed
}

async function ask(button) {
  const address = field("address").value.trim();
  if (!address) return void say(texts.textNoAddress);
  button.disabled = true;
  say(texts.textAsking);
  const asked = await send("/api/onvif-devices/", {
    address, port: Number(field("port").value) || 80, username: field("username").value, password: field("password").value,
  });
  const body = asked?.status === 202 ? await outcome(`/api/onvif-devices/${asked.body.id}/`) : null;
  button.disabled = false;
  const result = body?.result;
  if (!result) return void say((asked && asked.status !== 202 && wordsOf(asked.body)) || texts.textNone);
  if (!result.answers || !result.main_stream) return void say(inOwnWords(result.message) || texts.textNone);
  fillIn(result);
  say(summaryOf(result));
}

panel.querySelector("[data-ask-device]").addEventListener("click", (event) => ask(event.currentTarget));
panel.addEventListener("keydown", (event) => {
  if (event.key !== "Enter" || event.target.tagName !== "INPUT") return;
  event.preventDefault(); // Enter must not save the camera
  ask(panel.querySelector("[data-ask-device]"));
});
