"""The engine of its own under TLS: so many whole handshakes a second, and the bare loop paced alike beside it.

python -m tests.bench.bench_tls URL RATE SECONDS     the engine alone, in its own process; prints one JSON object
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from connectors.engine import Engine
from connectors.http import Http, HttpCheck, HttpSystem
from monitor.model import Batch, Check, Outcome, Route, Settings, Slot, State
from tests import servers

TLS = Path(__file__).parents[1] / "connectors" / "tls"
AUTHORITY = str(TLS / "authority.pem")

NGINX = f"""
    keepalive_timeout 0; ssl_session_cache off; ssl_session_tickets off;
    server {{ listen 127.0.0.1:@PORT@ ssl backlog=4096;
              ssl_certificate {TLS}/server.pem; ssl_certificate_key {TLS}/server.pem;
              location / {{ default_type application/json; return 200 '{{"content":[]}}'; }} }}
"""


def run(url: str, rate: int, seconds: float) -> dict[str, Any]:
    """The engine on `rate` checks, each once a second, their starts spread evenly; CPU of the whole process."""
    system = HttpSystem(base_url=url)
    settings, route = Settings(1.0, 0.9), Route(ca_bundle=AUTHORITY)
    keys = [("tls", f"c{number}") for number in range(rate)]
    checks = {key: Check(*key, Http(system, HttpCheck(path=f"/{key[1]}")), settings, route) for key in keys}
    seen: Counter[str] = Counter()

    def publish(outcomes: Sequence[Outcome], statistics: Mapping[str, int]) -> None:
        seen.update(o.verdict for o in outcomes)
        seen.update(statistics)

    engine = Engine("o_do", checks, publish=publish).start()
    began = cpu = 0.0
    warm = 2  # the first seconds make handles and read the bundle
    for second in range(warm + round(seconds)):
        if second == warm:
            began, cpu, before = time.monotonic(), time.process_time(), seen.copy()
        now = int(time.time() * 1000)
        slots = [Slot(*key, now + number * 1000 // rate, State.UP) for number, key in enumerate(keys)]
        for part in range(0, rate, 200):
            engine.submit(Batch("o_do", now, "", tuple(slots[part : part + 200])))
        time.sleep(1)  # slots are handed over a second at a time, as the tick does
    used, took = time.process_time() - cpu, time.monotonic() - began
    engine.stop()
    seen.subtract(before)
    done = seen["up"] + seen["down"] + seen["degraded"]
    return {
        "checks_per_s": round(done / took, 1),
        "cpu_ms_per_check": round(used / done * 1000, 4),
        "not_up": done - seen["up"],
        "skipped": sum(count for name, count in seen.items() if name.startswith("slots_")),
    }


def bench_tls(rate: int = 1000, seconds: float = 10.0) -> dict[str, Any]:
    """`rate` TLS checks a second with session reuse off, by the engine alone and by the bare loop."""
    with servers.nginx(NGINX) as nginx:
        url = nginx.url.replace("http:", "https:")
        arguments = [url, str(rate), str(seconds)]
        ours = json.loads(subprocess.check_output([sys.executable, "-m", "tests.bench.bench_tls", *arguments]))
        bare = json.loads(subprocess.check_output([sys.executable, "-m", "tests.bench.bare", *arguments, AUTHORITY]))
    return {
        "asked_per_s": rate,
        "engine": ours,
        "bare_loop": bare,
        "times_the_bare_loop": round(ours["cpu_ms_per_check"] / bare["cpu_ms_per_check"], 2),
    }


if __name__ == "__main__":
    print(json.dumps(run(sys.argv[1], int(sys.argv[2]), float(sys.argv[3]))))
