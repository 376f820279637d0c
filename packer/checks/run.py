"""Runs the checks of an image inside its bake, as root: the files given, then every file of checks/own.

A check is a program: exit status 0 passes. All run, so that one bake shows everything that is wrong; then the bake
fails if one failed. Each has 180 seconds (BAKE_CHECK_SECONDS). Standard library only, Python 3.9 or newer.
"""

import contextlib
import os
import subprocess
import sys
from pathlib import Path

SECONDS = int(os.environ.get("BAKE_CHECK_SECONDS", "180"))


def run(path: Path) -> bool:
    command = [sys.executable, "-B", str(path)] if path.suffix == ".py" else ["/bin/sh", "-eu", str(path)]
    print(f"running the check {path.name}", flush=True)
    # A session of its own, so that what a check leaves running can be ended with it. One output, so that what it said
    # of an error comes before its FAILED line, with which an error of the bake shows it.
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stderr=subprocess.STDOUT, start_new_session=True)
    try:
        status = process.wait(timeout=SECONDS)
        if status == 0:
            return True
        print(f"FAILED {path.name}: exit status {status}", flush=True)
    except subprocess.TimeoutExpired:
        print(f"FAILED {path.name}: did not end in {SECONDS} seconds", flush=True)
    finally:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, 9)
        process.wait()
    return False


def main() -> int:
    files = [Path(name) for name in sys.argv[1:]]
    own = Path(__file__).parent / "own"
    files += sorted(own.iterdir()) if own.is_dir() else []
    failed = [path.name for path in files if not run(path)]
    if failed:
        print(f"checks failed: {', '.join(failed)}", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
