// Shows Web Push messages, even if no page of the dashboard is open, and a page of its own while the server cannot be
// reached. It keeps only that page and its style sheets, scripts and icons: nothing that a user may see only after sign-in.
const KEPT = "vigil-offline";
const OFFLINE_PAGE = "/dashboard/offline/";

async function keepOfflinePage() {
  const cache = await caches.open(KEPT);
  const answer = await fetch(OFFLINE_PAGE, { cache: "no-store", credentials: "omit" });
  if (!answer.ok) throw new Error(`${OFFLINE_PAGE}: ${answer.status}`);
  const text = await answer.clone().text();
  const parts = [...text.matchAll(/(?:href|src)="([^"]+\.(?:css|js))"/g)].map(([, path]) => path);
  for (const kept of await cache.keys()) await cache.delete(kept);
  await cache.put(OFFLINE_PAGE, answer);
  await cache.addAll(parts);
}

self.addEventListener("install", (event) => event.waitUntil(keepOfflinePage()));

self.addEventListener("fetch", (event) => {
  const { request } = event;
  if (request.method !== "GET") return;
  if (request.mode === "navigate") {
    event.respondWith(fetch(request).catch(async () => (await caches.match(OFFLINE_PAGE)) ?? Response.error()));
  } else if (["style", "script"].includes(request.destination)) {
    event.respondWith(fetch(request).catch(async () => (await caches.match(request)) ?? Response.error()));
  }
});

self.addEventListener("push", (event) => {
  const message = event.data?.json() ?? {};
  const { title = "Vigil", body = "", tag = "", url = "" } = message;
  event.waitUntil(self.registration.showNotification(title, { body, tag, data: { url } }));
});

self.addEventListener("notificationclick", (event) => {
  event.notification.close();
  // Open only URLs of this dashboard, whatever the message contains.
  const page = new URL(event.notification.data?.url || "/dashboard/alerts/", self.location.origin);
  const isOurs = page.origin === self.location.origin;
  event.waitUntil(self.clients.openWindow(isOurs ? page.href : "/dashboard/alerts/"));
});
