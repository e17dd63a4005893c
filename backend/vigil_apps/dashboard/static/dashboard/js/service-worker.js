// Shows Web Push messages, even if no page of the dashboard is open. It caches and serves nothing.
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
