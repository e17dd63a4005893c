// Installs the service worker, which needs HTTPS or localhost: elsewhere browsers do not have `serviceWorker`.
export function start() {
  const path = document.body.dataset.worker;
  if (path) navigator.serviceWorker?.register(path, { scope: "/dashboard/" }).catch(() => {});
}
