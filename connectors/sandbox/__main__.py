"""python -m connectors.sandbox: be the simulated province until Ctrl-C."""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict

from connectors.sandbox.server import serve
from connectors.sandbox.upstreams import DEFAULT_PORT, DEFAULT_SEED, Addresses, SandboxError
from connectors.sandbox.wire import SIMULATED


def show(addresses: Addresses) -> None:
    print(f"{SIMULATED}: tỉnh mô phỏng đang chạy (Ctrl-C để dừng)")
    for name, url in asdict(addresses).items():
        print(f"  {name:<9} {url}")
    sys.stdout.flush()


def show_json(addresses: Addresses) -> None:
    print(json.dumps({"simulated": True, "addresses": asdict(addresses)}), flush=True)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m connectors.sandbox", description="The simulated province.")
    parser.add_argument("--host", default="127.0.0.1", help="where the upstreams listen")
    parser.add_argument("--port", type=int, default=DEFAULT_PORT, help="the first of ten ports; 0: any that are free")
    parser.add_argument("--year", type=int, help="whose dossiers to show (default: the clock's)")
    parser.add_argument("--seed", type=int, default=DEFAULT_SEED, help="the same seed gives the same dossiers")
    parser.add_argument("--ahead", type=float, default=0, help="seconds after the clock at which dossiers are shown")
    parser.add_argument("--token-ttl", type=int, default=300, help="seconds that a token lives")
    parser.add_argument("--log", help="file to which the fault log is appended")
    parser.add_argument("--json", action="store_true", help="say in one line of JSON where it listens")
    parser.add_argument("--until-stdin-closes", action="store_true", help="end with the parent process")
    options = vars(parser.parse_args())
    in_json = options.pop("json")
    try:
        serve(ready=show_json if in_json else show, **options)
    except SandboxError as error:
        print(json.dumps({"error": str(error)}) if in_json else error, file=sys.stdout if in_json else sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
