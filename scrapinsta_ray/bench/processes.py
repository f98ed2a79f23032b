"""What processes take of the machine."""

from collections.abc import Iterable

import psutil


def trees(pids: Iterable[int]) -> list[psutil.Process]:
    """These processes and all that they started."""
    roots = [psutil.Process(pid) for pid in pids]
    return [*roots, *(child for root in roots for child in root.children(recursive=True))]


def processor_s(processes: Iterable[psutil.Process]) -> float:
    """Seconds of processor that those of them which live have used so far."""
    return sum(map(_busy_s, processes))


def pss(process: psutil.Process) -> int:
    """Bytes, shared pages divided among who shares them; where a system does not tell, all that is resident."""
    try:
        full = process.memory_full_info()
    except psutil.NoSuchProcess:  # a guard's clock ends with each renewal of the lease
        return 0
    return int(getattr(full, "pss", full.rss))


def _busy_s(process: psutil.Process) -> float:
    try:
        times = process.cpu_times()
    except psutil.NoSuchProcess:
        return 0.0
    return float(times.user + times.system)
