// POSTs JSON to the dashboard's own views. Returns { status, body }, or null without a response.
export async function send(url, values, signal = AbortSignal.timeout(15000)) {
  try {
    const answer = await fetch(url, {
      method: "POST",
      headers: { "Content-Type": "application/json", ...JSON.parse(document.body.getAttribute("hx-headers")) },
      body: JSON.stringify(values),
      signal,
    });
    return { status: answer.status, body: await answer.json() };
  } catch {
    return null;
  }
}
