// Shows what comes by Web Push, also while no page of the dashboard is open. It keeps nothing and serves nothing.
self.addEventListener("push", (event) => {
  const message = event.data?.json() ?? {};
  const { title = "Vigil", body = "", tag = "", url = "" } = message;
  event.waitUntil(self.registration.showNotification(title, { body, tag, data: { url } }));
});

self.addEventListener("notificationclick", (event) => {
  event.notification.close();
  // The server knows its own address, but only one of this dashboard is opened.
  const page = new URL(event.notification.data?.url || "/dashboard/alerts/", self.location.origin);
  const isOurs = page.origin === self.location.origin;
  event.waitUntil(self.clients.openWindow(isOurs ? page.href : "/dashboard/alerts/"));
});
