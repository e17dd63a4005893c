"""From the counters of the windows to the figures, without any process."""

import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from tests.bench.report import Measurement

FRIGATE, VIGIL, DETECTOR, BACKEND = "Frigate", "Vigil", "Vigil's detector", "Vigil's backend"
MEMORY_RATIO_GOAL = 0.3
LEAST_SHARE_FOUND = 0.8
"""Below this share of the people, a product did not do the work that is compared."""


@dataclass(frozen=True, slots=True)
class Window:
    """What each product or part used meanwhile, by name: seconds of CPU, and proportional set size at the end."""

    cpu_seconds: Mapping[str, float]
    megabytes: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Scene:
    """The windows of one scene, of `seconds` each, and how many people each product found in all of them."""

    title: str
    seconds: float
    cameras: int
    windows: Sequence[Window]
    found: Mapping[str, int]
    people: int

    def milliseconds(self, name: str) -> float:
        """Return the CPU time for one second of video of one camera: the median of the windows."""
        return 1e3 * self._median(lambda window: window.cpu_seconds[name]) / self.seconds / self.cameras

    def times_less_cpu(self, name: str) -> float:
        """Return how many times the CPU time of `name` Frigate used: the median of the windows' ratios."""
        return self._median(lambda window: window.cpu_seconds[FRIGATE] / window.cpu_seconds[name])

    def megabytes(self, name: str) -> float:
        """Return the memory: the median of the windows."""
        return self._median(lambda window: window.megabytes[name])

    def memory_ratio(self, name: str) -> float:
        """Return the memory of `name` relative to Frigate's: the median of the windows' ratios."""
        return self._median(lambda window: window.megabytes[name] / window.megabytes[FRIGATE])

    def problem(self) -> str:
        """Return why the figures compare nothing, or an empty text: a product that finds nobody saves its work."""
        missed = [name for name in (FRIGATE, VIGIL) if self.found[name] < LEAST_SHARE_FOUND * self.people]
        return ", ".join(
            f"{self.title}: {name} found {self.found[name]} of {self.people} people" for name in missed
        ) + ("; the ratios would compare nothing" if missed else "")

    def measurements(self, times_less_cpu_goal: float) -> list[Measurement]:
        """Return the rows of the report."""
        shown = (FRIGATE, VIGIL, DETECTOR, BACKEND)
        title = self.title
        ratios = [window.cpu_seconds[FRIGATE] / window.cpu_seconds[VIGIL] for window in self.windows]
        return [
            *(
                Measurement.plain(f"{title}: {name}: CPU per second of video", self.milliseconds(name), "ms")
                for name in shown
            ),
            Measurement.at_least(
                f"{title}: times less CPU than Frigate", self.times_less_cpu(VIGIL), "×", times_less_cpu_goal
            ),
            Measurement.plain(f"{title}: the same, least of {len(ratios)} windows", min(ratios), "×"),
            Measurement.plain(f"{title}: the same, most", max(ratios), "×"),
            Measurement.plain(f"{title}: times less CPU, detector alone", self.times_less_cpu(DETECTOR), "×"),
            *(Measurement.plain(f"{title}: {name}: memory", self.megabytes(name), "MB") for name in shown),
            Measurement.at_most(f"{title}: memory, to Frigate's", self.memory_ratio(VIGIL), "", MEMORY_RATIO_GOAL),
            Measurement.plain(f"{title}: memory, detector alone", self.memory_ratio(DETECTOR), ""),
            *(
                Measurement.exactly(f"{title}: {name}: people", self.found[name], "", self.people)
                for name in (FRIGATE, VIGIL)
            ),
        ]

    def _median(self, figure: Callable[[Window], float]) -> float:
        return statistics.median(map(figure, self.windows))
