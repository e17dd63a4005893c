"""Simulate a camera: exposure, lens, sensor noise, rain, on-screen text and compression."""

from dataclasses import dataclass

import cv2
import numpy as np

from vigil_demo.scene.types import ByteArray, FloatArray


@dataclass(frozen=True)
class CameraStyle:
    """Settings of one camera."""

    gain: tuple[float, float, float] = (1.0, 1.0, 1.0)
    gamma: float = 1.0
    vignette: float = 0.0
    blur_px: float = 0.0
    noise: float = 0.0
    monochrome: bool = False
    jpeg_quality: int | None = None
    lettering: str = ""


def make_camera_style(rng: np.random.Generator, weather: str) -> CameraStyle:
    """Return a random camera; at night noisier and sometimes in black and white, as with infrared light."""
    dark = weather in ("night", "dusk")
    exposure = rng.uniform(0.85, 1.2)
    tint = rng.uniform(0.94, 1.06, 3) * exposure
    return CameraStyle(
        gain=(float(tint[0]), float(tint[1]), float(tint[2])),
        gamma=float(rng.uniform(0.82, 1.2)),
        vignette=float(rng.uniform(0, 0.35)),
        blur_px=float(rng.choice([0.0, rng.uniform(0.3, 1.1)])),
        noise=float(rng.uniform(0.005, 0.045 if dark else 0.02)),
        monochrome=bool(rng.random() < (0.25 if dark else 0.04)),
        jpeg_quality=int(rng.integers(30, 92)),
        lettering=str(rng.choice(["", "CAM 01", "YARD NORTH", "Gate 3  12:40:07", "2026-03-04 02:11:59"])),
    )


def render_frame(scene: FloatArray, look: CameraStyle, rain: float, rng: np.random.Generator) -> ByteArray:
    """Return the camera's frame, (H, W, 3) uint8 BGR; `scene` is float32 in about 0..1."""
    picture = scene
    if rain > 0:
        picture = _rain(picture, rain, rng)
    height, width = picture.shape[:2]
    picture = np.clip(picture * np.array(look.gain, np.float32), 0, 1)
    if look.gamma != 1:
        picture = picture ** np.float32(look.gamma)
    if look.vignette > 0:
        y, x = np.ogrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j]
        picture = picture * (1 - look.vignette * (x * x + y * y) / 2)[..., None]
    if look.monochrome:
        grey = picture @ np.array([0.114, 0.587, 0.299], np.float32)
        picture = np.repeat(grey[..., None], 3, axis=2)
    picture = np.asarray(picture, np.float32)
    if look.blur_px > 0:
        picture = np.asarray(cv2.GaussianBlur(picture, (0, 0), look.blur_px), np.float32)
    if look.noise > 0:
        grain = rng.standard_normal(picture.shape[:2], dtype=np.float32)[..., None]
        grain = grain + 0.5 * rng.standard_normal(picture.shape, dtype=np.float32)
        picture = picture + look.noise * grain
    image: ByteArray = np.round(np.clip(picture, 0, 1) * 255).astype(np.uint8)
    if look.lettering:
        for offset, shade in ((1, 20.0), (0, 240.0)):
            where = (11 + offset, 25 + offset)
            cv2.putText(image, look.lettering, where, cv2.FONT_HERSHEY_SIMPLEX, 0.55, (shade,) * 3, 1, cv2.LINE_AA)
    if look.jpeg_quality is not None:
        done, data = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, look.jpeg_quality])
        assert done
        decoded = cv2.imdecode(data, cv2.IMREAD_COLOR)
        assert decoded is not None
        image = np.asarray(decoded, np.uint8)
    return image


def _rain(picture: FloatArray, strength: float, rng: np.random.Generator) -> FloatArray:
    height, width = picture.shape[:2]
    streaks: ByteArray = np.zeros((height, width), np.uint8)
    for _ in range(int(180 * strength)):
        x, y, long = int(rng.integers(width)), int(rng.integers(height)), int(rng.integers(6, 18))
        cv2.line(streaks, (x, y), (x + long // 5, y + long), 255.0, 1, cv2.LINE_AA)
    cover = (streaks.astype(np.float32) / 255 * 0.28)[..., None]
    return np.asarray(picture + (0.85 - picture) * cover, np.float32)
