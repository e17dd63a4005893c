"""The pipeline of one camera, from its stream to its spooled alerts: a reader, a mailbox and an analysis thread.

Cameras share only the model, the spool and the metrics, which are thread-safe, so that a failing pipeline does not
affect the others.
"""

import threading
import time
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass, field
from datetime import UTC, datetime

from cctv.clips.recorder import ClipLimits, ClipOutcome, ClipRecorder
from cctv.common.cost_meter import CostMeter
from cctv.common.events import Event
from cctv.common.frame import Frame
from cctv.common.jpeg import WIDEST_PIXELS, preview_jpeg
from cctv.common.mailbox import Mailbox
from cctv.delivery.live import LiveView, Send
from cctv.delivery.spool import Spool
from cctv.delivery.unwritten import UnwrittenAlerts
from cctv.detectors.errors import ModelInvalidError, ModelUnavailableError
from cctv.detectors.model_pool import Models
from cctv.logs import camera_logger, redactor
from cctv.metrics import Metrics
from cctv.onvif.camera_events import CameraEvents
from cctv.onvif.preset_caller import PresetCaller
from cctv.recording.recorder import SegmentRecorder
from cctv.recording.spool import RecordingSpool, Waiting
from cctv.streams.clip_reader import ClipReader
from cctv.streams.faults import StreamFault
from cctv.streams.health import CameraHealth
from cctv.streams.reader import Reader, ReaderOptions, SourceFactory
from cctv.streams.rtsp_gate import GateOptions
from cctv.streams.source import PacketSource, Source
from cctv.streams.sparing import FrameDemand
from cctv.vision.analysis import Analysis, names_of_models
from cctv.vision.presence import Presence
from cctv.vision.shadow import Shadow, can_shadow
from cctv.vision.shadow_models import ShadowModels
from cctv.vision.state_store import StateStore
from cctv.vision.work_watch import WorkWatch
from vigil_contracts.alert import ClipSubmission, ImageSubmission
from vigil_contracts.backoff import Backoff
from vigil_contracts.camera import CameraConfiguration
from vigil_contracts.health import Heartbeat, InferenceHealth
from vigil_contracts.masks_digest import masks_digest
from vigil_contracts.names import Reason
from vigil_contracts.recording import RecordedStream, RecordingGap, RecordingMode
from vigil_contracts.stream_url import secrets_of

_STATE_EVERY_SECONDS = 10.0
_AGAIN_SECONDS = 5.0
_CHECK_EVERY_SECONDS, _CHECK_BLIND_EVERY_SECONDS = 10.0, 2.0
"""How often an external model is checked: a quiet camera would not notice that it is unavailable or back."""


@dataclass(frozen=True, slots=True)
class Shared:
    """Components that all cameras of a process share."""

    models: Models
    spool: Spool
    states: StateStore
    metrics: Metrics
    make_source: Callable[[CameraConfiguration, ClipRecorder, SegmentRecorder, FrameDemand], Source]
    make_main_source: Callable[[CameraConfiguration, ClipRecorder, SegmentRecorder], PacketSource]
    on_spooled: Callable[[], None]
    on_change: Callable[[int], None]
    detector_name: str
    reader_options: ReaderOptions
    offline_alert_after_seconds: float = 60.0
    send_live: Send = lambda _camera_id, _jpeg, _taken_at, _masks: None
    clip_limits: ClipLimits = field(default_factory=ClipLimits)
    recordings: RecordingSpool | None = None
    on_recorded: Callable[[], None] = lambda: None
    device_options: GateOptions = field(default_factory=GateOptions)
    """Which addresses cameras may have when they are asked for their own events."""
    shadow: ShadowModels | None = None
    """The model to compare with the one in use."""
    cost: CostMeter | None = None
    """Measures what a camera costs; None with a model in shadow, which would count as a part of it."""


class CameraPipeline:
    """Analyses one camera from `start` to `stop`. After `stop` has returned, nothing more is spooled."""

    def __init__(self, camera: CameraConfiguration, shared: Shared) -> None:
        self._camera, self._shared = camera, shared
        self._log = camera_logger(camera.id)
        self._health = CameraHealth(lambda: shared.on_change(camera.id))
        self._mailbox: Mailbox[Frame] = Mailbox()
        self._recorder = ClipRecorder(camera.id, shared.clip_limits, self._accept_later, self._count_clip)
        self._segments = SegmentRecorder(
            camera.id, camera.recording, shared.recordings, self._count_recording, self._count_gap
        )
        self.live = LiveView(camera.id, shared.send_live, shared.metrics, _masks_of(camera))
        self._events = CameraEvents(camera.id, shared.device_options, self._health.set_events_fault)
        self._presets = PresetCaller(camera.id, shared.device_options)
        self._newest: Frame | None = None
        self._masked_since = float("-inf")
        """Frames received earlier, on the monotonic clock, may show what privacy masks hide now."""
        self._reader = Reader(
            camera.id,
            self._source_factory(camera),
            camera.detection.frames_per_second,
            self._mailbox,
            self._health,
            shared.metrics,
            shared.reader_options,
            self.live.offer,
            # The main stream has its own reader if another one is analysed.
            self._note_analysed_fault,
        )
        self._unwritten = UnwrittenAlerts(self._write, self._give_up)
        self._work = WorkWatch()
        self._presence = Presence()
        self._is_calm = False
        self._shown = InferenceHealth()
        self._shadow: Shadow | None = None
        self._clip_reader: ClipReader | None = None
        self._next: CameraConfiguration | None = None
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"analysis-{camera.id}", daemon=True)

    @property
    def camera(self) -> CameraConfiguration:
        """Return the configuration that is in use or about to be."""
        return self._next or self._camera

    @property
    def is_streaming(self) -> bool:
        """Return whether frames arrive and are analysed."""
        return self._health.is_streaming and not self.analysis_problem

    @property
    def analysis_problem(self) -> str | None:
        """Return why arriving frames are not analysed; empty if they are."""
        return self._work.problem()

    def start(self) -> None:
        """Start the reader and the analysis thread."""
        self._shared.metrics.begin(self._camera.id)
        self._shared.on_change(self._camera.id)
        self._thread.start()

    def reconfigure(self, camera: CameraConfiguration) -> None:
        """Apply another configuration; the stream continues unless its own settings have changed."""
        former, self._next = self.camera, camera
        if not camera.report_objects:
            self._presence = Presence()
        if former.recording != camera.recording:
            self._segments.apply(camera.recording)
        if _stream_of(former) != _stream_of(camera):
            if has_other_masks := former.detection.privacy_masks != camera.detection.privacy_masks:
                self._recorder.forget()
            self._reader.retarget(self._source_factory(camera))
            if has_other_masks:  # after the former source can deliver nothing more
                self._masked_since = time.monotonic()
                self.live.change_masks(_masks_of(camera), self._masked_since)
            self._read_for_clips(camera)
        if former.detection.frames_per_second != camera.detection.frames_per_second:
            self._reader.limit(camera.detection.frames_per_second)

    def check(self) -> None:
        """Check the threads; the watchdog calls this about once a second."""
        self._reader.check()
        self._health.set_analysis_problem(self.analysis_problem)
        self._health.set_storing_problems(self._segments.problem or self._recorder.problem, self._audio_problem())
        inference = self._health.inference()
        if inference != self._shown:
            self._shown = inference
            self._shared.metrics.show_inference(self._camera.id, inference)
        if self._clip_reader is not None:
            self._clip_reader.check()
        try:
            self._segments.decide()
        except OSError as error:
            self._segments.report(error)

    def _audio_problem(self) -> str:
        """Return why stored video has no audio although the settings ask for it; empty if it has, or they do not."""
        if not self.camera.detection.record_audio:
            return ""
        return self._segments.audio.problem or self._recorder.audio.problem

    def heartbeat(self) -> Heartbeat:
        """Return the camera's current heartbeat."""
        waiting = self._shared.spool.waiting(self._camera.id)
        beat = self._health.heartbeat(self._shared.detector_name, self._camera.revision, waiting.alerts)
        if (shadow := self._shadow) is not None:
            beat = beat.model_copy(update={"shadow": shadow.report()})
        if self._shared.cost is not None:
            beat = beat.model_copy(update={"cost": self._shared.cost.cost()})
        # Without frames that are analysed, nobody knows what is in view.
        return beat.model_copy(update={"objects": self._presence.counts}) if self.is_streaming else beat

    def stop(self, timeout_seconds: float) -> None:
        """Stop the pipeline."""
        deadline = time.monotonic() + timeout_seconds
        self._stopping.set()
        self._mailbox.close()
        self._events.stop(0.0)
        self.live.end()
        if not self._reader.stop(timeout_seconds):
            self._log.error("the reader did not stop in time")
        if self._clip_reader is not None:
            self._clip_reader.stop(max(0.1, deadline - time.monotonic()))
        self._end_recording()
        if self._shadow is not None:
            self._shadow.stop()
        self._thread.join(max(0.1, deadline - time.monotonic()))
        if self._thread.is_alive():
            self._log.error("the analysis did not stop in time")

    def _source_factory(self, camera: CameraConfiguration) -> SourceFactory:
        redactor.add(secrets_of(camera.rtsp_url.get_secret_value()))
        redactor.add(secrets_of(camera.watched_url.get_secret_value()))
        demand = FrameDemand(self._wants_frames, self._count_skipped)
        return lambda: self._shared.make_source(camera, self._recorder, self._segments, demand)

    def _wants_frames(self) -> bool:
        """Return whether frames between keyframes are needed."""
        return not self._is_calm or self.live.is_wanted or self._events.wants_frames

    def _count_skipped(self) -> None:
        self._shared.metrics.frames.labels(str(self._camera.id), "received").inc()
        self._shared.metrics.frames.labels(str(self._camera.id), "skipped").inc()

    def _read_for_clips(self, camera: CameraConfiguration) -> None:
        """Read the main stream for clips and recordings if another stream is analysed."""
        if self._clip_reader is not None:
            self._clip_reader.stop(0.0)
            self._clip_reader = None
        is_recorded = self._segments.is_on and camera.recording.stream is RecordedStream.MAIN
        is_needed = self._recorder.limits.is_on or is_recorded
        if camera.detection.stream_path and is_needed and not self._stopping.is_set():
            self._clip_reader = ClipReader(
                camera.id,
                lambda: self._shared.make_main_source(camera, self._recorder, self._segments),
                self._shared.reader_options,
                self._segments.note_fault if is_recorded else lambda _reason: None,
            )
            self._clip_reader.start()

    def _run(self) -> None:
        """Run the analysis; restart it after an unexpected error, so that the camera does not stay unwatched."""
        while not self._stopping.is_set():
            try:
                self._watch()
            except Exception:  # noqa: BLE001 - any error must lead to a restart
                self._log.exception("the analysis failed; restarting it")
                self._stopping.wait(_AGAIN_SECONDS)

    def _watch(self) -> None:
        analysis = self._load()
        if analysis is None:
            return
        if not self._reader.is_started:
            self._reader.start()
            self._read_for_clips(self.camera)
        self._events.apply(self.camera)
        self._renew_shadow(analysis)
        saved_at = time.monotonic()
        while not self._stopping.is_set():
            if self._next is not None:
                analysis = self._apply(self._next, analysis)
            frame = self._mailbox.take(timeout_seconds=0.5)
            if frame is not None and self._is_outdated(frame):
                continue
            if frame is not None and not self._stopping.is_set():
                is_whole = self._camera.detection.uses_models or self._wants_frames()
                self._newest = frame if is_whole else frame.shrunk(WIDEST_PIXELS)
                self._analyse(frame, analysis)
            self._accept_camera_events()
            if frame is None and not self.is_streaming:
                self._presence = Presence()  # objects may have left when frames arrive again
            self._check_for_outage(analysis, has_picture=frame is not None)
            self._check_models(analysis)
            if self._retry_unwritten() or time.monotonic() - saved_at >= _STATE_EVERY_SECONDS:
                saved_at = time.monotonic()
                self._save(analysis)
        self._accept_camera_events(is_last=True)
        self._follow_up(analysis, is_last=True)
        self._unwritten.retry(float("inf"))
        if self._unwritten:
            self._log.error("could not write %d alerts; a restarted detector reports them", len(self._unwritten))
        self._save(analysis)

    def _is_outdated(self, frame: Frame) -> bool:
        """Return whether the frame was received before the camera's privacy masks changed."""
        return frame.monotonic_seconds < self._masked_since

    def _make_analysis(self, camera: CameraConfiguration) -> Analysis:
        shared = self._shared
        analysis = Analysis(camera, shared.models, shared.states, shared.metrics, shared.offline_alert_after_seconds)
        self._health.runs(analysis.inference())
        return analysis

    def _renew_shadow(self, analysis: Analysis) -> None:
        """Compare with the model in shadow, if there is one. Each change of the settings restarts the comparison."""
        if self._shadow is not None:
            self._shadow.stop()
            self._shadow = None
        if self._shared.shadow is not None and can_shadow(self._camera) and not self._stopping.is_set():
            self._shadow = Shadow(self._camera, analysis, self._shared.shadow, self._shared.metrics)

    def _load(self) -> Analysis | None:
        """Load the models and what uses them; wait until they are available. None if the pipeline stops first."""
        invalid, unavailable = Backoff(5.0, 60.0), Backoff(1.0, 10.0)
        while not self._stopping.is_set():
            camera, self._next = self.camera, None
            self._camera = camera
            try:
                analysis = self._make_analysis(camera)
            except ModelInvalidError as error:
                self._report_model_problem(error)
                backoff = unavailable if isinstance(error, ModelUnavailableError) else invalid
                self._stopping.wait(backoff.next_seconds())
            else:
                self._health.blind(None)
                return analysis
        return None

    def _check_models(self, analysis: Analysis) -> None:
        every = _CHECK_EVERY_SECONDS if self._health.blindness is None else _CHECK_BLIND_EVERY_SECONDS
        if time.monotonic() - analysis.checked_at < every or self._stopping.is_set():
            return
        try:
            analysis.check()
            self._health.runs(analysis.inference())  # a network may have been exchanged for its INT8 one
        except ModelInvalidError as error:
            self._report_model_problem(error)
        else:
            if self._health.blindness is not None:
                self._log.info("the model is available again")
            self._health.blind(None)

    def _report_model_problem(self, error: ModelInvalidError) -> None:
        if self._health.blindness is not error.reason:
            self._log.error("%s", error)
        self._health.blind(StreamFault(error.reason, error.shown))

    def _apply(self, camera: CameraConfiguration, analysis: Analysis) -> Analysis:
        """Apply new settings. If they need a model that is unavailable, the former one stays in use."""
        same_models = names_of_models(camera) == names_of_models(self._camera)
        self._camera, self._next, self._is_calm = camera, None, False
        self._log.info("applied settings of revision %s", camera.revision)
        self._events.apply(camera)
        try:
            if not same_models:
                self._follow_up(analysis, is_last=True)
                self._save(analysis)
                analysis = self._make_analysis(camera)
            else:
                analysis.analyser.reconfigure(camera)
        except ModelInvalidError as error:
            self._log.error("could not switch the model: %s; keeping the former one", error)
        else:
            self._renew_shadow(analysis)
        self._shared.on_change(camera.id)
        return analysis

    def _analyse(self, frame: Frame, analysis: Analysis) -> None:
        metrics, camera = self._shared.metrics, str(self._camera.id)
        metrics.frame_age.labels(camera).observe(time.monotonic() - frame.monotonic_seconds)
        uses = analysis.uses
        self._work.begin()
        try:
            with self._shadow.paused() if self._shadow is not None else nullcontext():
                events = analysis.analyser.process(frame)
        except ModelInvalidError as error:
            self._is_calm = False
            self._work.note_success()
            self._report_model_problem(error)
            return
        except Exception as error:  # noqa: BLE001 - one faulty frame must not end the analysis
            self._is_calm = False
            metrics.analysis_errors.labels(camera).inc()
            if self._work.note_failure(error):
                self._log.exception("could not analyse a frame")
            return
        if self._work.note_success():
            self._log.info("frames are analysed again")
        if self._shadow is not None:
            self._shadow.offer(frame, events)
        has_motion = analysis.analyser.has_motion or self._events.has_motion
        places = analysis.analyser.motion_places
        self._segments.note_frame(
            frame.monotonic_seconds, has_motion=has_motion, places=places, preview=lambda: preview_jpeg(frame)
        )
        if self.live.is_wanted:
            self.live.show(analysis.analyser.in_view(frame.monotonic_seconds))
        self._count_objects(frame, analysis)
        metrics.frames.labels(camera, "analysed" if analysis.uses > uses else "gated").inc()
        for event in events:
            if self._accept(event):
                self._recorder.request(event.event_id, frame.monotonic_seconds)
                self._segments.note_alert(frame.monotonic_seconds)
                self._presets.note_alert(self._camera, event.rule)
        self._follow_up(analysis)
        self._is_calm = analysis.analyser.is_calm
        if events:
            self._save(analysis)

    def _count_objects(self, frame: Frame, analysis: Analysis) -> None:
        """Report the objects in view if they have changed and the API asks for them."""
        if not self._camera.report_objects:
            return
        counts = analysis.analyser.object_counts(frame.monotonic_seconds)
        if self._presence.update(counts, frame.monotonic_seconds):
            self._shared.on_change(self._camera.id)

    def _accept_camera_events(self, *, is_last: bool = False) -> None:
        """Take the camera's own events."""
        if self._newest is not None and self._is_outdated(self._newest):
            self._newest = None
        for event, happened_at in self._events.take(self._newest, is_last=is_last):
            if self._accept(event):
                self._recorder.request(event.event_id, happened_at)
                self._segments.note_alert(happened_at)

    def _follow_up(self, analysis: Analysis, *, is_last: bool = False) -> None:
        """Spool better images of earlier events. If one is lost, the alert keeps its current image."""
        for picture in analysis.analyser.better_images(is_last=is_last):
            try:
                self._accept_later(picture.to_submission(self._camera.id), picture.snapshot_jpeg)
            except OSError:
                self._log.exception("could not write a better image to disk")

    def _check_for_outage(self, analysis: Analysis, *, has_picture: bool) -> None:
        health = self._health
        why = health.message
        # A stream may come and go during the analysis of one frame: that frame proves that the camera has worked.
        works = health.is_streaming or has_picture
        event = analysis.outage.check(works, health.seconds_without_frame(), why, datetime.now(UTC))
        if event is not None and not self._stopping.is_set():
            self._accept(event)
            self._save(analysis)

    def _save(self, analysis: Analysis) -> None:
        """Save which objects were reported, unless some of their alerts are not on disk yet."""
        if not self._unwritten:
            analysis.save()

    def _retry_unwritten(self) -> bool:
        """Retry alerts that could not be written; return whether none is left."""
        held = len(self._unwritten)
        if held and self._unwritten.retry(time.monotonic()):
            self._log.info("%d alerts that could not be written before are on disk now", held)
            return True
        return False

    def _accept(self, event: Event) -> bool:
        """Take a new alert; return whether it will be delivered."""
        self._shared.metrics.events.labels(str(self._camera.id), event.alert_type).inc()
        if self._unwritten:  # keep the order: a later alert must not overtake one that waits for the disk
            self._unwritten.add(event)
            return True
        try:
            return self._write(event)
        except OSError as error:
            self._log.error("could not write an alert: %s; kept in memory, retrying", error.strerror or error)
            self._unwritten.add(event)
            return True

    def _write(self, event: Event) -> bool:
        """Store an alert in the spool; return whether it is there. Raises OSError if the disk fails."""
        if not self._shared.spool.append(event.to_submission(self._camera.id), event.snapshot_jpeg):
            self._log.error("alert lost: it is larger than the spool (VIGIL_SPOOL_MAX_BYTES)")
            return False
        self._log.info("%s: %s", event.alert_type, event.description)
        self._shared.on_spooled()
        return True

    def _count_clip(self, outcome: ClipOutcome) -> None:
        self._shared.metrics.clips.labels(str(self._camera.id), outcome).inc()

    def _note_analysed_fault(self, reason: Reason) -> None:
        """Note why the analysed stream has ended, if it is the recorded one."""
        camera = self.camera
        if not camera.detection.stream_path or camera.recording.stream is RecordedStream.SUB:
            self._segments.note_fault(reason)

    def _count_recording(self, kept: Waiting) -> None:
        self._shared.metrics.recording_seconds.labels(str(self._camera.id)).inc(kept.facts.duration_ms / 1000)
        self._shared.on_recorded()

    def _count_gap(self, gap: RecordingGap) -> None:
        seconds = (gap.end_ms - gap.start_ms) / 1000
        self._shared.metrics.recording_gap_seconds.labels(str(self._camera.id), gap.reason).inc(seconds)

    def _end_recording(self) -> None:
        try:
            self._segments.decide(is_last=True)
        except OSError as error:
            self._segments.report(error)

    def _give_up(self, event: Event) -> None:
        self._shared.spool.give_up(self._camera.id)
        self._log.error("alert lost: too many could not be written (%s: %s)", event.alert_type, event.description)

    def _accept_later(self, submission: ImageSubmission | ClipSubmission, content: bytes) -> None:
        """Spool a better image or clip; callable from any thread. Raises OSError if the disk fails."""
        if self._shared.spool.append(submission, content):
            self._shared.on_spooled()


def _masks_of(camera: CameraConfiguration) -> str:
    return masks_digest(camera.detection.privacy_masks)


def _stream_of(camera: CameraConfiguration) -> tuple[object, ...]:
    detection = camera.detection
    shape = detection.display_aspect_ratio, detection.privacy_masks
    recording = camera.recording.mode is not RecordingMode.OFF, camera.recording.stream
    decoded = detection.uses_models
    return camera.rtsp_url, camera.transport, detection.stream_path, shape, detection.record_audio, recording, decoded
