"""A pinhole camera on a mast, looking down at the yard."""

import math
from dataclasses import dataclass

import numpy as np

from vigil_demo.scene.types import FloatArray

_NEAREST_M = 0.5


@dataclass(frozen=True)
class Viewpoint:
    """Position and orientation of the camera, which is at x = 0, z = 0."""

    width: int
    height: int
    focal_px: float
    mount_height_m: float
    pitch_rad: float
    """Downwards."""

    @property
    def _axes(self) -> tuple[FloatArray, FloatArray]:
        sin, cos = math.sin(self.pitch_rad), math.cos(self.pitch_rad)
        return np.array([0, -sin, cos], np.float32), np.array([0, -cos, -sin], np.float32)

    @property
    def position(self) -> FloatArray:
        """(3,) m."""
        return np.array([0, self.mount_height_m, 0], np.float32)

    def project(self, points: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return pixels (N, 2) and depths along the optical axis (N,) in m of world points (N, 3)."""
        forward, down = self._axes
        offset = points - self.position
        depth = np.maximum(offset @ forward, _NEAREST_M)
        column = self.focal_px * offset[:, 0] / depth + self.width / 2
        row = self.focal_px * (offset @ down) / depth + self.height / 2
        return np.stack([column, row], axis=1).astype(np.float32), depth.astype(np.float32)

    def depth_of(self, x: float, y: float, z: float) -> float:
        """Return the depth of one point in m."""
        return float(self.project(np.array([[x, y, z]], np.float32))[1][0])

    def rays(self, supersample: int) -> FloatArray:
        """Return directions (H·s, W·s, 3) through the pixels' centres, not normalised."""
        forward, down = self._axes
        columns = (np.arange(self.width * supersample, dtype=np.float32) + 0.5) / supersample - self.width / 2
        rows = (np.arange(self.height * supersample, dtype=np.float32) + 0.5) / supersample - self.height / 2
        rays = np.empty((len(rows), len(columns), 3), np.float32)
        rays[..., 0] = columns[None, :] / self.focal_px
        rays[..., 1] = (forward[1] + down[1] * rows / self.focal_px)[:, None]
        rays[..., 2] = (forward[2] + down[2] * rows / self.focal_px)[:, None]
        return rays

    def ground_point(self, column: float, row: float) -> tuple[float, float] | None:
        """Return x and z in m of the ground at a pixel; None at or above the horizon."""
        forward, down = self._axes
        across, along = (column - self.width / 2) / self.focal_px, (row - self.height / 2) / self.focal_px
        falling = float(forward[1] + down[1] * along)
        if falling >= -1e-3:
            return None
        reach = -self.mount_height_m / falling
        return across * reach, float(forward[2] + down[2] * along) * reach
