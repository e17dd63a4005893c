"""The collector of cyclic garbage ignores what was imported, and collects what comes later."""

import gc
import weakref
from collections.abc import Iterator

import pytest

from cctv.common.collector import collector_paused


@pytest.fixture(autouse=True)
def unfrozen() -> Iterator[None]:
    yield
    gc.unfreeze()


class Cycle:
    def __init__(self) -> None:
        self.itself = self


def test_collector_rests_during_imports_and_ignores_their_objects() -> None:
    before = gc.get_freeze_count()
    with collector_paused():
        assert not gc.isenabled()
        imported = [Cycle() for _ in range(100)]
    assert gc.isenabled()
    assert gc.get_freeze_count() >= before + len(imported)


def test_later_garbage_is_collected() -> None:
    with collector_paused():
        pass
    garbage = weakref.ref(Cycle())
    gc.collect()
    assert garbage() is None


def test_collector_returns_after_a_failed_import() -> None:
    with pytest.raises(ImportError), collector_paused():
        raise ImportError("no such module")
    assert gc.isenabled()
