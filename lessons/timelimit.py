"""A time limit for one call in this thread, on every system, also inside a notebook."""

from __future__ import annotations

import ctypes
import threading
from collections.abc import Callable
from typing import Any


class TimeLimitReached(BaseException):
    """Raised inside a call that ran too long; `except Exception` does not catch it."""


class _Watchdog:
    """Raises TimeLimitReached in the thread that started it, again and again until stopped."""

    def __init__(self, seconds: float, again: float = 0.5) -> None:
        self._thread_id = ctypes.c_ulong(threading.get_ident())
        self._wait = (seconds, again)
        self._stopped = threading.Event()
        self._lock = threading.Lock()
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self) -> None:
        wait, again = self._wait
        while not self._stopped.wait(wait):
            with self._lock:
                if not self._stopped.is_set():
                    self._raise(ctypes.py_object(TimeLimitReached))
            wait = again

    def _raise(self, exception: ctypes.py_object[Any] | None) -> None:
        ctypes.pythonapi.PyThreadState_SetAsyncExc(self._thread_id, exception)

    def stop(self) -> None:
        with self._lock:
            self._stopped.set()
            self._raise(None)  # one that was raised but not delivered yet


def call_within(seconds: float, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """What `function(*args, **kwargs)` returns; raises TimeLimitReached after `seconds`.

    Best effort: a loop in Python is interrupted, one long operation in C is only when it ends.
    """
    watchdog = _Watchdog(seconds)
    try:
        try:
            return function(*args, **kwargs)
        finally:
            watchdog.stop()
    except TimeLimitReached:
        watchdog.stop()
        raise
