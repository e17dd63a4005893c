"""A detector of one camera on a file in a separate process: prints one line of JSON at the end.

Arguments: clip, model, analysed frames per second, seconds of the clip, cameras that share the model.
"""

import json
import sys
import threading
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

BEGAN = time.time()


def resident_megabytes() -> float:
    """Return the resident memory, including shared libraries."""
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmRSS:")[2].split()[0]) / 1000


def main() -> None:
    """Run the measurement and print the result."""
    import av

    import cctv.runtime.app  # noqa: F401 - a detector has all of this in memory
    from cctv.common.frame import Frame
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
        start, due = datetime.now(UTC), 0.0
        with av.open(clip) as container:
            container.streams.video[0].codec_context.thread_count = 1  # as a detector's
            for sequence, picture in enumerate(container.decode(video=0)):
                at = float(picture.time or 0.0)
                if at >= seconds:
                    break
                if at < due - 1e-6:
                    continue
                due += 1 / frames_per_second
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
