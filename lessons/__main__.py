"""python -m lessons: see lessons/build.py."""

import sys

from lessons.build import main

if __name__ == "__main__":
    sys.exit(main())
