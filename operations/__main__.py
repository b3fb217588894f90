"""Start of the command line: `python -m operations`."""

import sys

from operations.errors import OperationsError

if __name__ == "__main__":
    try:
        # A setting that cannot be read is met while the table of processes is made.
        from operations.cli import main
    except OperationsError as error:
        print(error, file=sys.stderr)
        sys.exit(error.exit_code)
    sys.exit(main())
