"""Start of the command line: `python -m operations`."""

import sys

from operations.cli import main

if __name__ == "__main__":
    sys.exit(main())
