"""A detector of one camera on a file in a separate process: prints one line of JSON at the end.

Arguments: clip, model, analysed frames per second, seconds of the clip, cameras that share the model. As a detector
does with a camera's stream, it decodes only keyframes while the scene is still, if the clip has no B-frames.
"""

import json
import sys
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import av
    from av.container import InputContainer

BEGAN = time.time()


def resident_megabytes() -> float:
    """Return the resident memory, including shared libraries."""
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmRSS:")[2].split()[0]) / 1000


def pictures(container: "InputContainer", wants_frames: Callable[[], bool]) -> "Iterator[av.VideoFrame]":
    """Decode a clip as a detector decodes a camera's stream."""
    from cctv.streams.sparing import FrameDemand, SparingDecoder
    from cctv.streams.stillness import StillnessWatch

    stream = container.streams.video[0]
    stream.codec_context.thread_count = 1
    sparing = SparingDecoder(FrameDemand(wants_frames), StillnessWatch())
    for packet in container.demux(stream):
        if stream.codec_context.has_b_frames:
            yield from packet.decode()
            continue
        due = sparing.due(packet, float((packet.pts or 0) * packet.time_base)).packets
        decoded = [picture for each in due for picture in each.decode()]
        yield from decoded[-1:] if len(due) > 1 else decoded


def main() -> None:
    """Run the measurement and print the result."""
    from cctv.common.collector import collector_paused

    with collector_paused():
        import av

        import cctv.runtime.app  # noqa: F401 - a detector has all of this in memory
    from cctv.common.frame import Frame
    from cctv.common.frame_rate import FrameRateLimit
    from cctv.detectors.loader import load_model
    from cctv.detectors.openvino_runtime import OpenVinoModel
    from cctv.vision.analyser import Analyser
    from vigil_contracts.camera import CameraConfiguration
    from vigil_contracts.detection import Detection

    clip, model_path = sys.argv[1:3]
    frames_per_second, seconds, cameras = float(sys.argv[3]), float(sys.argv[4]), int(sys.argv[5])
    model = load_model(model_path)
    figures: dict[str, float] = {"analysed": 0, "looks": 0, "events": 0}
    counting = threading.Lock()

    class Counting:
        labels, input_size = model.labels, model.input_size

        def submit(self, frame: Frame):  # type: ignore[no-untyped-def]
            with counting:
                figures["looks"] += 1
            return model.submit(frame)

    def watch(number: int) -> None:
        camera = CameraConfiguration(
            id=number,
            name="bench",
            rtsp_url="rtsp://host/stream",
            revision="1",
            detection=Detection(frames_per_second=frames_per_second, classes=("person",)),
        )
        analyser = Analyser(camera, Counting())  # type: ignore[arg-type]
        start, limit = datetime.now(UTC), FrameRateLimit(frames_per_second)
        with av.open(clip) as container:
            for sequence, picture in enumerate(pictures(container, lambda: not analyser.is_calm)):
                at = float(picture.time or 0.0)
                if at >= seconds:
                    break
                if not limit.is_due(at):
                    continue
                events = analyser.process(Frame.from_av(picture, start + timedelta(seconds=at), at, sequence))
                with counting:
                    figures["analysed"] += 1
                    figures["events"] += len(events)
                    if "first_seconds" not in figures:
                        figures["first_seconds"] = time.time() - BEGAN
                        figures["first_cpu"] = time.process_time()

    threads = [threading.Thread(target=watch, args=(number,)) for number in range(1, cameras + 1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    figures["cpu"] = time.process_time()
    figures["resident_megabytes"] = resident_megabytes()
    if isinstance(model, OpenVinoModel):
        figures["bare_model_cpu"] = model.bare_cpu_seconds(768, 432, repetitions=30)
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
