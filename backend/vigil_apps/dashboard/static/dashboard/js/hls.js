// Video of a media server by HLS (RFC 8216), with some seconds of delay, in browsers with native support: Safari, and
// Chrome and Edge from 142. A JavaScript player would more than double the page's scripts.
const TYPE = "application/vnd.apple.mpegurl";
const ANSWER_MS = 15000; // a media server that starts a stream on demand cuts its first segments before it answers

// As `play` of whep.js.
export async function play(video, url, ended) {
  if (!video.canPlayType(TYPE)) throw new Error("not played by this browser");
  const listening = new AbortController();
  const stop = () => {
    listening.abort();
    video.removeAttribute("src");
    video.load();
  };
  const options = { once: true, signal: listening.signal };
  try {
    await new Promise((resolve, reject) => {
      setTimeout(() => reject(new Error("no video came")), ANSWER_MS);
      video.addEventListener("playing", resolve, options);
      video.addEventListener("error", () => reject(new Error("no video")), options);
      video.src = url;
      video.play().catch(() => {}); // `error` says what there is to say
    });
  } catch (error) {
    stop();
    throw error;
  }
  video.addEventListener("error", ended, options);
  return stop;
}
