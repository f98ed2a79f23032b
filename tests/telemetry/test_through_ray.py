"""Gauges of processes at the metrics agent of a real Ray."""

import json
import subprocess
import sys

import pytest

from scrapinsta_ray.settings import child_environment

pytestmark = pytest.mark.timeout(180)

TWO_WORKERS = """
import json, re, time, urllib.request
import ray

ray.init(address="local", include_dashboard=False, num_cpus=1, log_to_driver=False, logging_level="ERROR")

@ray.remote(num_cpus=0)
class Worker:
    def tell(self, account):
        from scrapinsta_ray.telemetry import through_ray
        through_ray.tell("session_memory_bytes", 5e7, account_bot=account)

    def tell_no_more(self, account):
        from scrapinsta_ray.telemetry import through_ray
        through_ray.tell_no_more("session_memory_bytes", account_bot=account)

[node] = ray.nodes()
agent = f"http://{node['NodeManagerAddress']}:{node['MetricsExportPort']}/metrics"

def told():
    try:
        text = urllib.request.urlopen(agent, timeout=5).read().decode()
    except OSError:  # the agent is not up yet
        return {}
    lines = re.findall(r"^ray_scrapinsta_session_memory_bytes\\{.*account_bot=.(\\w+).*\\} (\\S+)$", text, re.M)
    return {account: float(value) for account, value in lines}

def until(wanted):
    deadline = time.monotonic() + 60
    while sorted(told()) != wanted and time.monotonic() < deadline:
        time.sleep(0.5)

accounts = ["bot_1", "bot_2"]
workers = [Worker.remote() for _ in accounts]
ray.get([worker.tell.remote(account) for worker, account in zip(workers, accounts)])
until(accounts)
time.sleep(FORGETS_S)
after_a_while = told()
ray.get(workers[0].tell_no_more.remote("bot_1"))
until(["bot_2"])
print(json.dumps([after_a_while, told()]))
ray.shutdown()
"""

FORGETS_S = 30
"""Longer than the agent remembers a gauge that is not told again."""


def test_gauges_of_two_processes_are_kept_apart_and_stay_until_they_are_told_no_more() -> None:
    program = TWO_WORKERS.replace("FORGETS_S", str(FORGETS_S))
    environment = child_environment(RAY_AUTH_MODE="disabled", RAY_USAGE_STATS_ENABLED="0")
    done = subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True, text=True, timeout=170
    )
    assert done.returncode == 0, done.stderr[-2000:]
    later, in_the_end = json.loads(done.stdout.splitlines()[-1])
    assert later == {"bot_1": 5e7, "bot_2": 5e7}
    assert in_the_end == {"bot_2": 5e7}
