"""The relay in front of an object store, as a process that can be killed while the store keeps its data.

`python tests/files/store_front.py STORE_PORT OWN_PORT [SECONDS]`: each request takes SECONDS longer.
"""

import sys
import threading
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from files.object_store import Relay

if __name__ == "__main__":
    relay = Relay(int(sys.argv[1]), own_port=int(sys.argv[2]))
    relay.pause_s = float(sys.argv[3]) if len(sys.argv) > 3 else 0.0
    threading.Event().wait()
