"""The inference server's settings: environment variables `VIGIL_…`, each declared once."""

from typing import Literal

from pydantic import ByteSize, Field

from cctv.config import ModelSettings


class InferenceSettings(ModelSettings):
    """All settings of the inference server, `cctv serve-model`. It needs no token and no API."""

    model: str = Field(default="", description="Model to serve if the command names none: a path or name.")
    runtime: Literal["", "openvino", "ultralytics"] = Field(
        default="", description="Model runtime: openvino or ultralytics; empty: by the kind of file."
    )
    inference_address: str = Field(
        default="127.0.0.1",
        description="Address of the inference port. It has no authentication: use 0.0.0.0 in a pod only.",
    )
    inference_port: int = Field(
        default=8000, ge=0, le=65535, description="Port of KServe's protocol; 0: any free port."
    )
    inference_max_batch: int = Field(
        default=0,
        ge=0,
        le=64,
        description="Maximum number of images that run together; 0: VIGIL_MODEL_BATCH_SIZE with ultralytics, 4 with "
        "OpenVINO.",
    )
    inference_max_wait_ms: float = Field(
        default=0.0,
        ge=0,
        le=1000,
        description="How long an idle model waits for further images of a batch. While the model is busy, batches "
        "grow without it.",
    )
    inference_queue: int = Field(default=256, ge=1, le=10000, description="Maximum number of waiting images.")
    inference_camera_queue: int = Field(
        default=4, ge=1, le=1000, description="Maximum number of waiting images of one camera."
    )
    inference_deadline_seconds: float = Field(
        default=2.0, gt=0, le=60, description="An image that has waited longer for its batch is refused."
    )
    inference_max_body_bytes: ByteSize = Field(
        default=ByteSize(16 * 1024**2), ge=1024, le=256 * 1024**2, description="Maximum size of a request's body."
    )
    inference_max_connections: int = Field(
        default=1024, ge=1, le=10000, description="Maximum number of client connections; each has a thread."
    )
    inference_drain_seconds: float = Field(
        default=5.0,
        ge=0,
        le=60,
        description="How long the server goes on after a signal to end, not ready, so that its clients move on.",
    )
