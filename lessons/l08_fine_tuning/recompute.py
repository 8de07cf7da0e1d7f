"""The picture of forgetting, measured again from the adapters that the lesson keeps.

`python -m lessons.l08_fine_tuning.recompute [METHOD …]` asks the same questions as the recorded run
(half a minute of one core for each adapter) and compares every cell of that seed. Other machines
may decide a few answers differently; the exit status is 1 if a share differs by more than
TOLERANCE.
The methods that move all weights can be measured again where `python -m lessons sweep 08 methods`
was run, which leaves their weights in results/parts.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence

from lessons.l08_fine_tuning import measures, recorded
from lessons.l08_fine_tuning.transfer import GENERAL_N

TOLERANCE = 0.05  # of the share right: two of 40 items


def again(method: str) -> Iterator[tuple[str, float, float]]:
    """Family, the share right that was recorded, and the one measured now."""
    now = measures.general(*recorded.open_tuned(method), GENERAL_N, recorded.AGAIN_SEED)
    then = recorded.kept_of(method, recorded.AGAIN_SEED)
    for family, share in now.items():
        yield family, then[family], share


def main(argv: Sequence[str] | None = None) -> None:
    """Print every cell, recorded and now."""
    parser = argparse.ArgumentParser(
        prog="python -m lessons.l08_fine_tuning.recompute", description=__doc__
    )
    parser.add_argument("methods", nargs="*", help="all that are here, if none is named")
    off = []
    for method in parser.parse_args(argv).methods or recorded.tuned_methods():
        for family, then, now in again(method):
            print(f"{method:14} {family:20} recorded {then:4.0%}, now {now:4.0%}", flush=True)
            if abs(then - now) > TOLERANCE + 1e-9:
                off.append(f"{method}, {family}")
    if off:
        raise SystemExit(f"more than {TOLERANCE:.0%} from what was recorded: {'; '.join(off)}")


if __name__ == "__main__":
    main()
