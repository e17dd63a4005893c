// «Notify this browser»: creates a subscription at the browser's push service and registers it at the server.
const panel = document.querySelector("[data-push]");
const button = panel?.querySelector("button");
const place = panel?.querySelector(".form-errors");
const headers = { "Content-Type": "application/json", ...JSON.parse(document.body.getAttribute("hx-headers")) };

function keyOf(text) {
  const padded = text.replaceAll("-", "+").replaceAll("_", "/").padEnd(Math.ceil(text.length / 4) * 4, "=");
  return Uint8Array.from(atob(padded), (letter) => letter.charCodeAt(0));
}

async function subscribe() {
  if ((await Notification.requestPermission()) !== "granted") return panel.dataset.textDenied;
  const worker = await navigator.serviceWorker.register(panel.dataset.worker, { scope: "/dashboard/" });
  await navigator.serviceWorker.ready;
  const wanted = { userVisibleOnly: true, applicationServerKey: keyOf(panel.dataset.key) };
  const subscription = await worker.pushManager.subscribe(wanted).catch(() => null);
  if (!subscription) return panel.dataset.textService;
  const body = JSON.stringify({ ...subscription.toJSON(), name: panel.dataset.name });
  const answer = await fetch("/api/notifications/web-push/", { method: "POST", headers, body, signal: AbortSignal.timeout(15000) });
  if (answer.ok) return void window.location.reload();
  const said = await answer.json().catch(() => null);
  return said?.detail ?? Object.values(said ?? {}).flat().join(" ");
}

if (panel && "PushManager" in window && "serviceWorker" in navigator) {
  panel.hidden = false;
  button.addEventListener("click", async () => {
    button.disabled = true;
    place.textContent = "";
    place.textContent = await subscribe().catch(() => document.body.dataset.unreachable) ?? "";
    button.disabled = false;
  });
}
