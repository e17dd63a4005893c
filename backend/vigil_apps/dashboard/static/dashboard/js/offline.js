// The page without a connection: loads the requested page as soon as the server answers.
const PAUSE_MS = 5000;

async function attempt() {
  const answer = await fetch("/healthz", { cache: "no-store", signal: AbortSignal.timeout(PAUSE_MS) }).catch(() => null);
  if (answer?.ok) return window.location.reload();
  setTimeout(attempt, PAUSE_MS);
}

window.addEventListener("online", () => window.location.reload());
setTimeout(attempt, PAUSE_MS);
