"""`python -m minigpt` is the command `minigpt`."""

import sys

from .cli import main

sys.exit(main())
