"""The relay with a failpoint: it kills itself with SIGKILL after the broker confirms a command and before it is marked.

ROOST_FAILPOINT_LEFT names a file with the number of deaths left. Run as `python -m faults.failing_relay`.
"""

import os
import signal
import sys
from pathlib import Path

from workers.relay import Relay, Target, main

LEFT = Path(os.environ["ROOST_FAILPOINT_LEFT"])

_send = Relay._send


def _send_and_die(self, row):
    _send(self, row)
    left = int(LEFT.read_text())
    if left and row.target == Target.COMMAND:
        LEFT.write_text(str(left - 1))
        os.kill(os.getpid(), signal.SIGKILL)


Relay._send = _send_and_die

if __name__ == "__main__":
    sys.exit(main())
