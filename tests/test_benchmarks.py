"""The benchmarks' harness: pairs, spread, table, files and failures. No speed is judged here."""

from __future__ import annotations

import json
import statistics
import sys
import types

import matplotlib.image
import nbformat
import pytest
import torch

from benchmarks import flops, kernels, pairs, point, report, run
from benchmarks.pairs import Curve, Failed, Line, Pairs, Settings, Skipped
from minigpt import GPTConfig

SETTINGS = Settings(threads=1, pairs=2, short=True)


class FakeClock:
    """A clock that only the callables move."""

    def __init__(self):
        self.now, self.calls = 0.0, []

    def __call__(self):
        return self.now

    def task(self, name, seconds):
        def call():
            self.calls.append(name)
            self.now += seconds

        return call


@pytest.fixture(autouse=True)
def nothing_lasts(monkeypatch, tmp_path):
    """Neither the stored results nor torch's number of threads change by a test."""
    monkeypatch.setattr(run, "RESULTS", tmp_path / "results")
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


def a_row(what="a", seconds=((1, 2), (1, 3)), **changes):
    ours, theirs = zip(*seconds, strict=True)
    return Pairs(list(ours), list(theirs)).row(what, "peer", SETTINGS, **changes)


def test_callables_of_known_durations_give_their_ratio():
    clock = FakeClock()
    found = pairs.measure(clock.task("a", 0.25), clock.task("b", 0.5), 5, clock=clock)
    assert found.ours == pytest.approx([0.25] * 5)
    assert found.theirs == pytest.approx([0.5] * 5)
    row = found.row("step", "peer", SETTINGS, unit="tokens/s", amount=100)
    assert (row.ours, row.theirs, row.ratio) == pytest.approx((400, 200, 2))
    row = found.row("step", "peer", SETTINGS, unit="ms")
    assert (row.ours, row.theirs, row.ratio) == pytest.approx((250, 500, 2))


def test_the_order_is_ours_peer_peer_ours():
    clock = FakeClock()
    pairs.measure(clock.task("a", 1), clock.task("b", 1), 4, warmup=1, clock=clock)
    assert "".join(clock.calls) == "ab" + "abba" * 2


def test_a_short_call_is_repeated_until_it_can_be_timed_as_often_on_both_sides():
    clock = FakeClock()
    found = pairs.measure(
        clock.task("a", 0.01), clock.task("b", 0.1), 1, warmup=1, min_seconds=1, clock=clock
    )
    assert "".join(clock.calls) == "ab" + "a" * 10 + "b" * 10
    assert (found.ours, found.theirs) == (pytest.approx([0.01]), pytest.approx([0.1]))


def test_the_ratio_is_of_neighbours_so_a_slow_spell_cancels():
    row = a_row(seconds=[(1, 2), (10, 20), (3, 6)])
    assert row.ratios == pytest.approx((2, 2, 2))
    assert (row.ratio, row.low, row.high) == pytest.approx((2, 2, 2))


def test_spread_is_the_middle_half():
    values = [5.0, 1.0, 2.0, 100.0, 3.0]
    assert pairs.middle_half(values) == (2, 5)
    row = a_row(seconds=[(1, value) for value in values])
    assert (row.ratio, row.low, row.high, row.pairs) == (3, 2, 5, 5)
    assert pairs.middle_half([7.0]) == (7, 7)


def test_each_side_may_have_done_another_amount_of_work():
    row = a_row(seconds=[(2, 1)], amount=10, peer_amount=2)
    assert (row.ours, row.theirs, row.ratio) == (5, 2, 2.5)


@pytest.mark.parametrize(("target", "reached"), [(2.5, True), (2.6, False), (None, None)])
def test_a_target_is_reached_by_the_median(target, reached):
    assert a_row(target=target).reached is reached


@pytest.mark.parametrize(("ours", "theirs"), [([], []), ([1.0], [1.0, 2.0])])
def test_unequal_or_missing_measurements_are_refused(ours, theirs):
    with pytest.raises(ValueError, match="each pair needs one of both"):
        Pairs(ours, theirs).row("a", "b", SETTINGS)


@pytest.mark.parametrize("wrong", [{"threads": 0}, {"pairs": 0}])
def test_settings_out_of_range_are_refused(wrong):
    with pytest.raises(ValueError, match="at least 1"):
        Settings(**wrong)


def fake_module(monkeypatch, rows, name="step_time"):
    module = types.ModuleType(f"benchmarks.{name}")
    module.rows = rows
    monkeypatch.setitem(sys.modules, module.__name__, module)
    monkeypatch.setattr(run, "MODULES", (name,))


def bad():
    raise ZeroDivisionError("no\nspeed")


def test_a_row_that_fails_is_reported_and_the_others_are_kept(monkeypatch, tmp_path, capsys):
    def rows(settings):
        yield pairs.attempt("bad row", bad)
        yield a_row("good row")
        bad()

    fake_module(monkeypatch, rows)
    assert run.main(["--out", str(tmp_path), "--short"]) == 1
    printed = capsys.readouterr().out
    assert "FAILED bad row: ZeroDivisionError: no speed" in printed
    assert "FAILED step_time: ZeroDivisionError: no speed" in printed
    found = json.loads((tmp_path / "bench.json").read_text("utf-8"))
    assert [row["what"] for row in found["rows"]] == ["good row"]
    assert [row["what"] for row in found["failed"]] == ["bad row", "step_time"]


def test_a_module_without_rows_or_that_cannot_be_imported_fails(monkeypatch, capsys, tmp_path):
    fake_module(monkeypatch, lambda settings: iter(()))
    assert run.main(["step_time"]) == 1
    monkeypatch.setattr(run, "MODULES", ("no_such_module",))
    assert run.main(["--out", str(tmp_path)]) == 1
    assert "FAILED no_such_module: ModuleNotFoundError" in capsys.readouterr().out


def test_modules_that_were_run_apart_are_put_together(monkeypatch, tmp_path):
    monkeypatch.setattr(run, "MODULES", ("first", "second"))

    def rows_of(name, what):
        module = types.ModuleType(f"benchmarks.{name}")
        module.rows = lambda settings: iter([a_row(what)])
        monkeypatch.setitem(sys.modules, f"benchmarks.{name}", module)

    for name, what in (("second", "b"), ("first", "a"), ("second", "c")):
        rows_of(name, what)
        assert run.main([name, "--out", str(tmp_path), "--pairs", str(len(what))]) == 0
    found = json.loads((tmp_path / "bench.json").read_text("utf-8"))
    assert [(row["module"], row["what"]) for row in found["rows"]] == [
        ("first", "a"),
        ("second", "c"),
    ]
    assert set(found["runs"]) == {"first", "second"}


def test_skipped_rows_are_told_and_are_no_failure(monkeypatch, capsys):
    fake_module(monkeypatch, lambda settings: iter([Skipped("bf16", "no hardware")]))
    assert run.main(["step_time", "--short"]) == 0
    assert "SKIPPED bf16: no hardware" in capsys.readouterr().out


def test_options_reach_the_rows(monkeypatch):
    seen = []

    def rows(settings):
        seen.append((settings, torch.get_num_threads()))
        yield a_row()

    fake_module(monkeypatch, rows)
    assert run.main(["step_time", "--threads", "2", "--pairs", "3", "--short"]) == 0
    assert seen == [(Settings(threads=2, pairs=3, short=True), 2)]


@pytest.mark.parametrize(
    "arguments", [["nonsense"], ["--pairs", "0"], ["--pairs", "-1"], ["--threads", "0"]]
)
def test_wrong_arguments_are_refused(arguments, capsys):
    with pytest.raises(SystemExit) as stop:
        run.main(arguments)
    assert stop.value.code == 2
    assert capsys.readouterr().err


def test_a_part_of_the_rows_does_not_replace_the_stored_results(monkeypatch, capsys):
    fake_module(monkeypatch, lambda settings: iter([a_row()]))
    assert run.main(["--short"]) == 0
    monkeypatch.setattr(run, "MODULES", ("step_time", "growth"))
    assert run.main(["step_time"]) == 0
    assert not run.RESULTS.exists()
    monkeypatch.setattr(run, "MODULES", ("step_time",))
    assert run.main([]) == 0  # all rows, not short
    assert sorted(file.name for file in run.RESULTS.iterdir()) == ["bench.json", "bench.png"]


def test_table_lines_up():
    rows = [("m", a_row("short", target=1.0)), ("m", a_row("a longer name", target=9.0))]
    lines = report.table(rows).splitlines()
    assert lines[0].split()[:4] == ["what", "peer", "threads", "dtype"]
    assert "2.50" in lines[2]
    assert "2.25-2.75" in lines[2]
    assert lines[2].endswith("yes")
    assert lines[3].endswith("NO")
    assert len(lines[2]) == len(lines[3])


def test_formula_counts_the_products_of_a_step():
    for config in (
        GPTConfig(vocab_size=40, block_size=8, n_layer=2, n_head=2, n_embd=16),
        GPTConfig.llama(vocab_size=40, block_size=8, n_layer=2, n_head=4, n_kv_head=2, n_embd=16),
    ):
        _, counted = flops.products(flops.step_shapes(config, 3, 8))
        assert counted == flops.training_flops(config, 3, 8)


def test_formula_agrees_with_a_count_inside_torch():
    from torch.utils.flop_counter import FlopCounterMode

    from minigpt import GPT
    from minigpt.evaluate import next_token_loss

    config = GPTConfig(vocab_size=40, block_size=8, n_layer=2, n_head=2, n_embd=16)
    idx = torch.randint(40, (3, 8))
    with FlopCounterMode(display=False) as counter:
        next_token_loss(GPT(config)(idx), idx).backward()
    linear = 3 * 8 * 6 * flops.matmul_weights(config)
    counted = counter.get_flop_counts()["Global"]
    products = sum(counted.get(op, 0) for op in (torch.ops.aten.mm, torch.ops.aten.addmm))
    assert products == linear


def test_memory_of_this_process_is_read():
    before = point.memory("VmRSS")
    held = torch.ones(30_000_000)
    assert point.memory("VmRSS") - before == pytest.approx(held.nbytes, rel=0.2)
    assert point.memory("VmHWM") >= point.memory("VmRSS") - 2**20


def read_png(path):
    pixels = matplotlib.image.imread(path)
    assert pixels.shape[1] >= 800
    assert len(set(pixels[::7, ::7].reshape(-1, pixels.shape[2])[:, 0].tolist())) > 2, "blank"


ROW_KEYS = {"module", "what", "peer", "unit", "dtype", "threads", "ours", "theirs", "ratio"}
ROW_KEYS |= {"low", "high", "ratios", "target", "note", "pairs", "reached", "lowest", "highest"}
PROVENANCE = {"cpu", "cores", "torch", "transformers", "commit", "date", "bf16_in_hardware"}


@pytest.mark.slow
def test_short_form_of_step_time_and_growth(tmp_path, capsys):
    assert run.main(["step_time", "growth", "--short", "--out", str(tmp_path)]) == 0
    printed = capsys.readouterr().out
    found = json.loads((tmp_path / "bench.json").read_text("utf-8"))
    assert found["failed"] == []
    for run_of_module in found["runs"].values():
        assert run_of_module["provenance"].keys() >= PROVENANCE
        assert run_of_module["settings"] == {"threads": 1, "pairs": 2, "short": True}
    float32 = [row for row in found["rows"] if row["dtype"] == "float32"]
    assert len(float32) == 5
    for row in found["rows"]:
        assert row.keys() == ROW_KEYS
        assert row["what"] in printed
        assert row["pairs"] == len(row["ratios"]) == 2
        assert min(row["ours"], row["theirs"], *row["ratios"]) > 0
        assert row["lowest"] <= row["low"] <= row["ratio"] <= row["high"] <= row["highest"]
        assert row["ratio"] == pytest.approx(statistics.median(row["ratios"]))
    assert {row["target"] for row in float32} == {1.2, None}
    assert len(found["curves"]) == 3
    for curve in found["curves"]:
        assert curve["x"] == [1, 2]
        assert min(curve["y"]) > 0 or curve["quantity"].startswith("peak memory")
        assert all(len(line["y"]) == 2 and min(line["y"]) > 0 for line in curve["lines"])
    if not found["runs"]["step_time"]["provenance"]["bf16_in_hardware"]:
        assert "SKIPPED training step in bfloat16" in printed
    read_png(tmp_path / "bench.png")


def test_a_picture_of_curves_alone_and_of_failures_alone(tmp_path):
    from benchmarks.picture import draw

    curve = Curve("time", "batch", "ms", (1, 2), (3, 4), (3, 4), (3, 5), (Line("sum", (1, 2)),), 1)
    draw(tmp_path / "curve.png", [("growth", curve)])
    read_png(tmp_path / "curve.png")
    draw(tmp_path / "none.png", [("growth", Failed("growth", "broken"))])
    assert sorted(file.name for file in tmp_path.iterdir()) == ["curve.png", "none.png"]


# --- kernels at once ----------------------------------------------------------------------------


@pytest.mark.parametrize(("last", "failed"), [("print(total)", 0), ("print(totla)", 2)])
def test_kernels_at_once_run_to_the_end_and_failures_count(tmp_path, last, failed):
    cells = ["import os", "assert os.environ['OMP_NUM_THREADS'] == '1'", "total = 1", last]
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(c) for c in cells])
    path = tmp_path / "small.ipynb"
    nbformat.write(notebook, path)
    found = kernels.together(path, 2, {"MINIGPT_HOME": str(tmp_path)})
    assert found["failed"] == len(found["errors"]) == failed
    assert all("totla" in error for error in found["errors"])
    assert 0 < found["seconds_median"] <= found["seconds_most"] <= found["seconds_in_all"]
    assert 30 < found["memory_peak_mb_a_kernel"] < 500
    assert found["memory_peak_mb_a_kernel"] == pytest.approx(found["memory_peak_mb"] / 2, abs=1)


def test_weights_are_hidden_or_there(monkeypatch, tmp_path):
    monkeypatch.setenv("MINIGPT_HOME", str(tmp_path))
    with kernels.weights("none") as folder:
        assert not [*folder.iterdir()]
    with pytest.raises(FileNotFoundError, match="minigpt download"), kernels.weights("own"):
        pass
