"""Hearing that somebody calls this process, without reading what they say."""

import fcntl
import os
import select
import signal
import time
from contextlib import suppress
from pathlib import Path
from types import FrameType

import psutil

CAN_HEAR = hasattr(select, "epoll")
"""Linux tells every poller of a socket; elsewhere nobody is heard."""

_ARRIVALS = select.EPOLLIN | select.EPOLLOUT | select.EPOLLET if CAN_HEAR else 0
"""What can be written to is told of at each arrival too, and still when somebody else has read by then what came."""

_NUMBERS = Path("/proc/self/fd")


class _Knock(Exception):
    """Somebody knocks while we listen."""


class Doorbell:
    """Rings when bytes come over a connection that another process made to this one, and when one is made.

    Who serves those connections, such as gRPC, notices nothing: each poller is told of every arrival, once. But of a
    new connection that is taken at once no other poller hears: for those the listening socket sends a signal (SIGIO).
    To be made in the main thread.
    """

    def __init__(self) -> None:
        self._poller = select.epoll() if CAN_HEAR else None
        self._known: set[str] = set()  # file descriptors at the last look
        self._listens = self._knocked = False
        if self._poller:
            signal.signal(signal.SIGIO, self._knock)

    def wait(self, limit_s: float) -> bool:
        """Has it rung within the limit? A ring from before counts, once."""
        if self._poller is None:
            time.sleep(limit_s)
            return False
        if self._known != (numbers := set(os.listdir(_NUMBERS))):
            self._attend(self._poller)
            self._known = numbers
        rung = self._rings(self._poller, limit_s)
        if rung:  # it may be a farewell, and the next one come under the same number
            self._known = set()
        return rung

    def _rings(self, poller: "select.epoll", limit_s: float) -> bool:
        try:
            self._listens = True
            return self._knocked or bool(poller.poll(limit_s))
        except _Knock:
            return True
        finally:
            self._listens = self._knocked = False

    def _knock(self, _number: int, _frame: FrameType | None) -> None:
        self._knocked = True
        if self._listens:
            self._listens = False
            raise _Knock

    @staticmethod
    def _attend(poller: "select.epoll") -> None:
        """From now on listens at all connections to this process, and for new ones."""
        sockets = psutil.Process().net_connections("tcp")
        doors = {one.laddr.port for one in sockets if one.status == psutil.CONN_LISTEN}
        for one in sockets:
            if one.laddr and one.laddr.port in doors:
                with suppress(OSError):  # it is listened at already, or was closed meanwhile
                    poller.register(one.fd, _ARRIVALS)
                    if one.status == psutil.CONN_LISTEN:
                        fcntl.fcntl(one.fd, fcntl.F_SETOWN, os.getpid())
                        fcntl.fcntl(one.fd, fcntl.F_SETFL, fcntl.fcntl(one.fd, fcntl.F_GETFL) | os.O_ASYNC)
