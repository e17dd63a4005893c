// Tasks that a detector executes: waits for their results.
const PATIENCE_MS = 75000; // a detector needs up to a minute to detect that a stream has no decodable picture

const pause = (milliseconds) => new Promise((done) => { setTimeout(done, milliseconds); });

// Polls until there is a result; null after the time-out.
export async function outcome(path, pauseMs = 1000) {
  const until = Date.now() + PATIENCE_MS;
  while (Date.now() < until) {
    await pause(pauseMs);
    try {
      const answer = await fetch(path, { signal: AbortSignal.timeout(8000) });
      const body = await answer.json();
      if (!answer.ok || body.state === "done") return answer.ok ? body : null;
    } catch { /* another try */ }
  }
  return null;
}

// The messages of an error response, without the names of their fields.
export const wordsOf = (body) => Object.values(body ?? {}).flat().join(" ");
