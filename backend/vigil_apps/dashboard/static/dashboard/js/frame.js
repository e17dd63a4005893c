// Saves the frame that a video shows, in the size in which it was recorded.
const QUALITY = 0.92;

// `name`: of the camera; `at`: the time of day. Returns whether there is a frame.
export function saveFrame(video, name, at) {
  if (video.readyState < HTMLMediaElement.HAVE_CURRENT_DATA || !video.videoWidth) return false;
  const canvas = Object.assign(document.createElement("canvas"), { width: video.videoWidth, height: video.videoHeight });
  canvas.getContext("2d").drawImage(video, 0, 0);
  canvas.toBlob((blob) => {
    const time = new Date(at).toISOString().replaceAll(":", "-");
    const link = Object.assign(document.createElement("a"), { href: URL.createObjectURL(blob), download: `${name} ${time}.jpg` });
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 1000);
  }, "image/jpeg", QUALITY);
  return true;
}
