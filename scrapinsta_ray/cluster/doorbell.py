"""Hearing that somebody calls this process, without reading what they say."""

import os
import select
import time
from contextlib import suppress
from pathlib import Path

import psutil

CAN_HEAR = hasattr(select, "epoll")
"""Linux tells every poller of a socket; elsewhere nobody is heard."""

_ARRIVALS = select.EPOLLIN | select.EPOLLOUT | select.EPOLLET if CAN_HEAR else 0
"""What can be written to is told of at each arrival too, and still when somebody else has read by then what came."""

_NUMBERS = Path("/proc/self/fd")


class Doorbell:
    """Rings when bytes come over a connection that another process made to this one.

    Who serves those connections, such as gRPC, notices nothing: each poller is told of every arrival, once. A call over
    a connection that was made since the wait began may go unheard.
    """

    def __init__(self) -> None:
        self._poller = select.epoll() if CAN_HEAR else None
        self._known: set[str] = set()  # file descriptors at the last look

    def wait(self, limit_s: float) -> bool:
        """Has it rung within the limit? A ring from before counts, once."""
        if self._poller is None:
            time.sleep(limit_s)
            return False
        if self._known != (numbers := set(os.listdir(_NUMBERS))):
            self._attend(self._poller)
            self._known = numbers
        rung = self._poller.poll(limit_s)
        if rung:  # it may be a farewell, and the next one come under the same number
            self._known = set()
        return bool(rung)

    @staticmethod
    def _attend(poller: "select.epoll") -> None:
        """From now on listens at all connections to this process, and for new ones."""
        sockets = psutil.Process().net_connections("tcp")
        doors = {one.laddr.port for one in sockets if one.status == psutil.CONN_LISTEN}
        for one in sockets:
            if one.laddr and one.laddr.port in doors:
                with suppress(OSError):  # it is listened at already, or was closed meanwhile
                    poller.register(one.fd, _ARRIVALS)
