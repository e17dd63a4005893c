// Video of a media server by WebRTC: WHEP (draft-ietf-wish-whep), one POST of an offer for an answer, DELETE at the end.
const ANSWER_MS = 10000;

async function gathered(connection) {
  if (connection.iceGatheringState === "complete") return;
  await new Promise((resolve) => {
    const done = () => connection.iceGatheringState === "complete" && resolve();
    connection.addEventListener("icegatheringstatechange", done);
    setTimeout(resolve, 2000); // what was found so far must do
  });
}

// Plays `url` in the video. Returns a function that stops it; throws if playing fails. Calls `ended` if the
// connection is lost later.
export async function play(video, url, ended) {
  const connection = new RTCPeerConnection();
  let session = null;
  const stop = () => {
    connection.close();
    video.srcObject = null;
    if (session) fetch(session, { method: "DELETE", keepalive: true }).catch(() => {});
    session = null;
  };
  try {
    connection.addTransceiver("video", { direction: "recvonly" });
    const shown = new Promise((resolve, reject) => {
      setTimeout(() => reject(new Error("no video came")), ANSWER_MS);
      connection.addEventListener("track", ({ track, streams }) => {
        video.srcObject = streams[0] ?? new MediaStream([track]);
        video.addEventListener("playing", resolve, { once: true });
      });
      connection.addEventListener("connectionstatechange", () => {
        if (!["failed", "closed", "disconnected"].includes(connection.connectionState)) return;
        reject(new Error(connection.connectionState));
        ended();
      });
    });
    shown.catch(() => {}); // it is awaited below, unless something fails before
    await connection.setLocalDescription(await connection.createOffer());
    await gathered(connection);
    const answer = await fetch(url, {
      method: "POST",
      headers: { "Content-Type": "application/sdp" },
      body: connection.localDescription.sdp,
      signal: AbortSignal.timeout(ANSWER_MS),
    });
    if (answer.status !== 201) throw new Error(String(answer.status));
    const place = answer.headers.get("Location");
    session = place && new URL(place, url).href;
    await connection.setRemoteDescription({ type: "answer", sdp: await answer.text() });
    await shown;
  } catch (error) {
    stop();
    throw error;
  }
  return stop;
}
