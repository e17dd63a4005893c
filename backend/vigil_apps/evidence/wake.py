"""Wake this process's export thread. Others find the export when they look for work the next time."""

import threading

event = threading.Event()


def up() -> None:
    """Wake it."""
    event.set()
