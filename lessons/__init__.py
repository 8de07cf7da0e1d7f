"""The course: a folder per lesson, the rules of its claims, and the build of its notebooks."""

import sys

if "IPython" in sys.modules:  # in a notebook: say which cell was missed
    from lessons import missed

    missed.install()
