"""The picture of forgetting, measured again from the adapters that the lesson keeps.

`python -m lessons.l08_fine_tuning.recompute [METHOD …]` asks the same questions as the recorded run
(half a minute of one core for each adapter) and compares every cell of that seed. Other machines
may decide a few answers differently; the exit status is 1 if a share differs by more than
TOLERANCE.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence

from lessons.l08_fine_tuning import measures, recorded
from lessons.l08_fine_tuning.transfer import GENERAL_N
from lessons.sweeps import open_model
from minigpt import load_adapter

TOLERANCE = 0.05  # of the share right: two of 40 items


def kept_adapters() -> list[str]:
    """The methods whose adapters are kept."""
    return [name for name in recorded.METHODS if recorded.adapter_file(name).is_file()]


def again(method: str) -> Iterator[tuple[str, float, float]]:
    """Family, the share right that was recorded, and the one measured now; see `kept_adapters`."""
    if method not in kept_adapters():
        raise ValueError(f"method={method!r}: choose one of {', '.join(kept_adapters())}")
    model, tokenizer = open_model("fernhollow")
    load_adapter(recorded.adapter_file(method), model)
    now = measures.general(model, tokenizer, GENERAL_N, recorded.AGAIN_SEED)
    then = recorded.kept_of(method, recorded.AGAIN_SEED)
    for family, share in now.items():
        yield family, then[family], share


def main(argv: Sequence[str] | None = None) -> None:
    """Print every cell, recorded and now."""
    parser = argparse.ArgumentParser(
        prog="python -m lessons.l08_fine_tuning.recompute", description=__doc__
    )
    parser.add_argument("methods", nargs="*", help="all whose adapters are kept, if none is named")
    off = []
    for method in parser.parse_args(argv).methods or kept_adapters():
        for family, then, now in again(method):
            print(f"{method:14} {family:20} recorded {then:4.0%}, now {now:4.0%}", flush=True)
            if abs(then - now) > TOLERANCE + 1e-9:
                off.append(f"{method}, {family}")
    if off:
        raise SystemExit(f"more than {TOLERANCE:.0%} from what was recorded: {'; '.join(off)}")


if __name__ == "__main__":
    main()
