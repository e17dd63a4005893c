// Plays the recordings of one camera by the time of day. hls.js plays a playlist of about an hour around the requested
// time; a request outside of it loads another. Browsers without Media Source Extensions play the playlist themselves.
const WINDOW_MS = 3_600_000;
const BEFORE_MS = 300_000; // what a short jump back needs without another playlist
const TYPE = "application/vnd.apple.mpegurl";
const CODEC_ERRORS = ["bufferAddCodecError", "manifestIncompatibleCodecsError", "bufferIncompatibleCodecsError"];

const iso = (ms) => new Date(ms).toISOString();
const endOf = (fragment) => fragment.programDateTime + fragment.duration * 1000;

export class RecordedPlayer {
  // `ended(ms)` is called when everything of the playlist was played, `failed(reason)` with "nothing", "codec" or
  // "failed", `tracked()` when it is known whether there is audio. `url`: of the camera's recordings, with a slash at
  // its end.
  constructor(video, url, { ended, failed, tracked }) {
    Object.assign(this, { video, url, ended, failed, tracked });
    this.hls = null;
    this.fragments = [];
    this.from = this.to = 0;
    this.target = null; // the requested time until its frame is shown
    this.wantsPlay = false;
    this.isRecovered = false;
    this.hasAudio = false;
    video.addEventListener("seeked", () => this.#settle());
    video.addEventListener("canplay", () => { if (!video.seeking) this.#settle(); }); // the begin needs no seek
    video.addEventListener("ended", () => { if (this.fragments.length || !this.hls) this.ended(this.to); });
    video.addEventListener("error", () => { if (!this.hls && video.src) this.failed("failed"); });
  }

  get isPaused() { return this.video.paused; }

  get isSettled() { return this.target === null; }

  // The time of day of the frame that is shown, or that is requested; null if there is none.
  get now() {
    if (this.target !== null) return this.target;
    const at = this.video.currentTime;
    const fragment = this.fragments.find((one) => at < one.start + one.duration) ?? this.fragments.at(-1);
    if (fragment) return fragment.programDateTime + Math.max(0, at - fragment.start) * 1000;
    return this.from ? this.from + at * 1000 : null;
  }

  // Shows the frame at that time, or the next one that is recorded. `until`: the end of the recorded period;
  // `isReloaded`: the playlist may be older than the recording.
  seek(ms, until, isReloaded = false) {
    this.target = ms;
    const isCovered = ms >= this.from && ms < this.to && ms < this.#end();
    if (isCovered && !isReloaded) this.video.currentTime = this.#place(ms);
    else this.#load(ms, until);
  }

  play() {
    this.wantsPlay = true;
    this.video.play().catch(() => {}); // it is interrupted by the next seek, or reported as an error
  }

  pause() {
    this.wantsPlay = false;
    this.video.pause();
  }

  stop() {
    this.pause();
    this.hls?.destroy();
    this.hls = null;
    this.fragments = [];
    this.from = this.to = 0;
    this.target = null;
    this.video.removeAttribute("src");
    this.video.load();
  }

  // The end of what the playlist lists.
  #end() { return this.fragments.length ? endOf(this.fragments.at(-1)) : 0; }

  #place(ms) {
    const fragment = this.fragments.find((one) => ms < endOf(one) && !one.gap);
    if (!fragment) return this.video.duration || 0;
    return fragment.start + Math.max(0, ms - fragment.programDateTime) / 1000;
  }

  // `before`: how much earlier the playlist begins.
  #load(ms, until, before = BEFORE_MS) {
    const isSupported = window.Hls?.isSupported();
    this.from = isSupported ? ms - before : ms;
    this.to = isSupported ? ms + WINDOW_MS : Math.min(until, ms + WINDOW_MS);
    this.fragments = [];
    const source = `${this.url}playlist.m3u8?from=${encodeURIComponent(iso(this.from))}&to=${encodeURIComponent(iso(this.to))}`;
    this.hasAudio = !isSupported; // it is not known before it is played
    if (isSupported) this.#loadByHls(source, () => before > 0 && ms < until && this.#end() <= ms, () => this.#load(ms, until, 0));
    else if (this.video.canPlayType(TYPE)) this.#loadNatively(source);
    else this.failed("codec");
    if (this.wantsPlay) this.play();
  }

  #loadNatively(source) {
    this.video.src = source;
    this.video.addEventListener("loadeddata", () => this.#settle(), { once: true });
  }

  // A playlist ends where audio begins or ends. If `isShort()`, that is before the requested time: `reload()` instead.
  #loadByHls(source, isShort, reload) {
    this.hls?.destroy();
    const { Hls } = window;
    // Without a worker: it would need a script from a blob, which the page's policy forbids.
    const hls = new Hls({ enableWorker: false, autoStartLoad: false, maxBufferLength: 20, backBufferLength: 30, startFragPrefetch: true });
    this.hls = hls;
    this.isRecovered = false;
    hls.on(Hls.Events.LEVEL_LOADED, (_, { details }) => {
      const isFirst = this.fragments.length === 0;
      this.fragments = details.fragments;
      if (!isFirst) return;
      if (isShort()) return setTimeout(reload); // not while hls.js handles the event
      const place = this.#place(this.target ?? this.from);
      hls.startLoad(place);
      this.video.currentTime = place;
    });
    hls.on(Hls.Events.BUFFER_CODECS, (_, tracks) => {
      this.hasAudio = Boolean(tracks.audiovideo || tracks.audio);
      this.tracked();
    });
    hls.on(Hls.Events.ERROR, (_, data) => this.#report(data));
    hls.loadSource(source);
    hls.attachMedia(this.video);
  }

  #report(data) {
    if (CODEC_ERRORS.includes(data.details)) return this.failed("codec");
    if (!data.fatal) return;
    if (data.type === window.Hls.ErrorTypes.MEDIA_ERROR && !this.isRecovered) {
      this.isRecovered = true;
      return this.hls.recoverMediaError();
    }
    const isMissing = data.response?.code === 404 && data.details.startsWith("manifest");
    this.from = this.to = 0; // so that the next request loads it again
    this.failed(isMissing ? "nothing" : "failed");
  }

  #settle() {
    this.target = null;
  }
}
