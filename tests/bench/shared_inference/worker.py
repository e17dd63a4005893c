"""One camera over a file, as a process of its own, with a model of its own or on a server.

Arguments: clip, seconds of it, analysed frames per second, camera id, model, URL of the server ("": none). It prints
one line of JSON, and then lives until its input ends, so that the memory of all cameras is measured together.
"""

from __future__ import annotations

import json
import sys
import time
from datetime import UTC, datetime, timedelta

CLIP_START = datetime(2026, 1, 1, tzinfo=UTC)


def main() -> None:
    """Analyse the clip and report."""
    import av

    import cctv.runtime.app  # noqa: F401 - a detector has all of this in memory
    from cctv.common.frame import Frame
    from cctv.detectors.model_pool import MeasuredModel, Models
    from cctv.metrics import Metrics
    from cctv.vision.analyser import Analyser
    from vigil_contracts.camera import CameraConfiguration
    from vigil_contracts.detection import Detection

    clip, seconds, frames_per_second, camera_id, name, url = sys.argv[1:]
    models = Models(name, server_url=url, int8=False)
    model = MeasuredModel(models.get(""), Metrics(), int(camera_id))
    camera = CameraConfiguration(
        id=int(camera_id),
        name="bench",
        rtsp_url="rtsp://host/stream",
        revision="1",
        detection=Detection(frames_per_second=float(frames_per_second), classes=("person",)),
    )
    analyser = Analyser(camera, model)
    started_cpu, due = time.process_time(), 0.0
    events: list[str] = []
    with av.open(clip) as container:
        container.streams.video[0].codec_context.thread_count = 1  # as a detector's
        for sequence, picture in enumerate(container.decode(video=0)):
            at = float(picture.time or 0.0)
            if at >= float(seconds):
                break
            if at < due - 1e-6:
                continue
            due += 1 / float(frames_per_second)
            frame = Frame.from_av(picture, CLIP_START + timedelta(seconds=at), at, sequence)
            events += [f"{at:.2f} {event.alert_type} {event.label}" for event in analyser.process(frame)]
    figures = {
        "events": events,
        "inferences": model.uses,
        "cpu_seconds": time.process_time(),
        "start_cpu_seconds": started_cpu,
    }
    print(json.dumps(figures), flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main()
