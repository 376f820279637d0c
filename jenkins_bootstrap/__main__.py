"""Where every command begins: `python -m jenkins_bootstrap`, and the console script.

Imports nothing but what a ^C in the first moments needs: everything else is imported when that has its answer.
"""

import gc
import os
import signal
import sys
from typing import Any, NoReturn


def _interrupted(_number: int, _frame: Any) -> NoReturn:
    """Nothing has begun yet, so nothing is to be cleared up."""
    os.write(2, b"interrupted\n")
    os._exit(130)


def entry() -> NoReturn:
    """Run the command line and end with its exit status."""
    # Ten thousand repositories are many objects without a cycle: looking for one takes a tenth of the time.
    gc.set_threshold(20_000, 50, 20)
    ours = signal.getsignal(signal.SIGINT) is signal.default_int_handler  # not so where it is ignored: nohup, `&`
    try:
        if ours:
            signal.signal(signal.SIGINT, _interrupted)
        from jenkins_bootstrap.cli.main import run

        if ours:
            signal.signal(signal.SIGINT, signal.default_int_handler)
        status = run()
    except KeyboardInterrupt:
        _interrupted(signal.SIGINT, None)
    # A ^C that met text being executed (a dataclass being made) is remembered by Python, which then ends `python -m` by
    # that signal, whatever has become of it since. Executing any other text lets it forget.
    exec("")  # noqa: S102 - nothing
    gc.freeze()  # what ends now need not be looked through for cycles, three times
    sys.exit(status)


if __name__ == "__main__":
    entry()
