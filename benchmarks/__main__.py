"""`python -m benchmarks`: measure all rows, or those of the modules named."""

import sys

from .run import main

if __name__ == "__main__":
    sys.exit(main())
