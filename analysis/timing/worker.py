"""Child process that measures: it reports in lines of JSON, and ends when its parent does."""

import json
import os
import signal
import sys
import threading

from analysis.timing.plan import as_plain, network_of, pixels_of, plan_from_plain, run
from analysis.timing.stopwatch import memory_of_step
from gte.errors import sentence


def _say(message: object) -> None:
    print(json.dumps(message), flush=True)


def _end_with_parent() -> None:
    """End this process and all that it started as soon as its parent is gone."""

    def wait() -> None:
        sys.stdin.read()
        if hasattr(os, "killpg") and os.getpgrp() == os.getpid():
            os.killpg(os.getpid(), signal.SIGKILL)
        os._exit(1)

    threading.Thread(target=wait, daemon=True).start()


def main() -> None:
    """time PLAN: measure and report. memory PLAN NAME: the bytes of one network's training step."""
    task, plan = sys.argv[1], plan_from_plain(json.loads(sys.argv[2]))
    if task == "memory":
        config = plan.config_of(sys.argv[3])
        print(memory_of_step(lambda: network_of(config), lambda: pixels_of(plan, config), plan.threads))
        return
    _end_with_parent()
    try:
        measurement = run(plan, lambda part, text: _say({"part": float(part), "text": text}))
        _say({"measurement": as_plain(measurement)})
    except ValueError as error:
        _say({"refused": sentence(error)})


if __name__ == "__main__":
    main()
