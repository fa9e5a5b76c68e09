"""A tiny process for the stack to start: `python -m tests.unit.cli.children`, told by CHILD how to behave."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

BEHAVIOUR = os.environ.get("CHILD", "obedient")

if __name__ == "__main__":
    ports = [os.environ.get(f"DRAGOMAN_{name}_PORT") for name in ("METRICS", "HEALTH")]
    print(f"metrics at {ports[0]}, health at {ports[1]}", flush=True)
    print(f"child starts; redis known: {'DRAGOMAN_REDIS_URL' in os.environ}", flush=True)
    if BEHAVIOUR == "crashing":
        sys.exit("the model file is gone")
    if BEHAVIOUR == "stubborn":
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    if BEHAVIOUR == "parent":
        grandchild = subprocess.Popen(["sleep", "60"])
        print(f"grandchild {grandchild.pid}", flush=True)
    print("child is ready", flush=True)
    time.sleep(60)
