"""The machine that a benchmark ran on."""

import platform
from pathlib import Path

import psutil


def hardware(database: str | None = None) -> dict[str, str]:
    """Processor, cores, memory, Python, and the version of the `database` if one took part."""
    found = {
        "cpu": _cpu(),
        "cores": str(psutil.cpu_count()),
        "memory": f"{psutil.virtual_memory().total / 2**30:.0f} GiB",
        "python": platform.python_version(),
    }
    return found | ({"database": database} if database else {})


def _cpu() -> str:
    """The model's name; outside of Linux what Python knows of it."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.processor() or platform.machine())
