"""Entry point of the command line: `python -m operations`."""

import sys

from operations.errors import OperationsError

if __name__ == "__main__":
    try:
        # An invalid setting is discovered while the table of processes is built.
        from operations.cli import main
    except OperationsError as error:
        print(error, file=sys.stderr)
        sys.exit(error.exit_code)
    sys.exit(main())
