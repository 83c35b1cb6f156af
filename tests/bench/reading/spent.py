"""What every process of a clustered system spends: its own services, its engines and the bench itself, by CPU time."""

import os
from collections.abc import Mapping

import psutil  # type: ignore[import-untyped]
from sqlalchemy.engine import make_url
from tests.bench.ingest.load import cpu
from tests.running.systems import System

from cskit.testing.engines import DATABASE, KAFKA


class Spent:
    """CPU of the system's processes since it was made."""

    def __init__(self, system: System) -> None:
        pids = {name: process.pid for name, process in system.processes.items()}
        self._processes = {name: psutil.Process(pid) for name, pid in pids.items()} | {"bench": psutil.Process()}
        if "KIZASHI_KAFKA" in system.environment:
            self._processes["kafka"] = _listening(int(os.environ[KAFKA].rpartition(":")[2]))
            self._processes["postgres"] = _listening(make_url(os.environ[DATABASE]).port or 5432)
        self._before = self._seconds()

    def shares(self, seconds: float) -> Mapping[str, float]:
        """CPU seconds a second of each since then; "others" is whatever else the machine did, "idle" what was left."""
        now = self._seconds()
        return {name: (now[name] - before) / seconds for name, before in self._before.items()}

    def _seconds(self) -> dict[str, float]:
        mine = {
            name: sum(process.cpu_times()[:2]) if name == "bench" else cpu(process)
            for name, process in self._processes.items()
        }
        machine = psutil.cpu_times()
        idle = machine.idle + machine.iowait
        return mine | {"idle": idle, "others": sum(machine) - machine.guest - idle - sum(mine.values())}


def _listening(port: int) -> psutil.Process:
    """The process that listens on a port; its children count with it."""
    pids = {each.pid for each in psutil.net_connections("tcp") if each.status == "LISTEN" and each.laddr.port == port}
    found = [psutil.Process(pid) for pid in pids if pid is not None]
    return next(each for each in found if each.ppid() not in pids)
