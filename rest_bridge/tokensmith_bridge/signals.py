"""What an operator's signals ask of a bridge of its own: to go down in order, or at once.

As the server's ``signals.py``; neither may import the other.
"""

import asyncio
import signal
from typing import Final

# make(1), timeout(1) and service managers send one stop to a process twice, as its parent and with
# its group. Nobody who has lost patience is that quick.
_SAME_STOP_SECONDS: Final = 0.25


class StopSignals:
    """Two steps down: ``stop`` is set by the first signal, ``at_once`` by another one.

    The signals are SIGTERM, SIGINT and SIGHUP, which a terminal sends when it closes. Make it in
    the event loop that is to hear of them.
    """

    def __init__(self) -> None:
        self.stop = asyncio.Event()
        self.at_once = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        self._first_heard = 0.0
        for number in (signal.SIGTERM, signal.SIGINT):
            self._loop.add_signal_handler(number, self.heard)
        # nohup(1) has it ignored, which is to stay.
        if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
            self._loop.add_signal_handler(signal.SIGHUP, self.heard)

    def heard(self) -> None:
        """Take a step down."""
        now = self._loop.time()
        if not self.stop.is_set():
            self._first_heard = now
            self.stop.set()
        elif now - self._first_heard > _SAME_STOP_SECONDS:
            self.at_once.set()
