"""Claims: the truth table of verdicts, the hash that ties results to rules, the ledger."""

from __future__ import annotations

import importlib
import json
import math
import shutil
import tomllib
from pathlib import Path

import pytest

from lessons import build, ledger, sweeps
from lessons.claims import (
    Claim,
    Condition,
    Interval,
    intervals,
    read_figures,
    read_rules,
    rule_hash,
    stale_results,
    verdict,
    verdict_table,
)
from lessons.course import ROOT, find_lesson, read_course

SAMPLE = Path(__file__).parent / "sample_course"
ALL_CLAIMS = frozenset(
    {
        "one-model",
        "generative",
        "multi-task",
        "self-supervised",
        "next-token",
        "petabytes",
        "long-range",
        "sees-all",
        "bank-it",
        "embedding-space",
        "transfer",
        "specialise",
        "keeps-general",
        "unprogrammed",
        "zero-shot",
        "few-shot",
        "emergent",
        "scales",
        "scale-data",
        "foundation",
        "code",
        "content",
        "health",
        "chat",
        "hallucination",
        "prompting-helps",
        "rag-helps",
        "bias",
        "privacy",
        "cost",
        "not-human",
    }
)


@pytest.fixture
def root(tmp_path):
    shutil.copytree(SAMPLE, tmp_path, dirs_exist_ok=True)
    return tmp_path


def record(root, difference=(-1.0, -1.1, -0.9), ratio=(3.0, 3.1, 2.9), rules=None):
    results = root / "lessons" / "l01_sample" / "results"
    figures = {"difference": difference, "ratio": ratio}
    sweeps.write_csv(
        results / "figures.csv",
        [
            {"claim": "builds", "figure": name, "seed": seed, "value": value}
            for name, values in figures.items()
            for seed, value in enumerate(values)
        ],
    )
    sweeps.write_json(
        results / "provenance.json",
        sweeps.provenance("01", "python -m lessons sweep 01", 1, 1, root),
    )


def condition(figure, needed_for, op="<", bound="upper", threshold=0.0):
    return Condition(figure, bound, op, threshold, needed_for, "why")


def claim(*conditions, open=""):
    return Claim("c", "01", "text", "measure", "combine", open, conditions, "hash")


LOW, HIGH, AROUND = Interval(-2, -3, -1, 5), Interval(2, 1, 3, 5), Interval(0, -1, 1, 5)


@pytest.mark.parametrize(
    ("partly", "holds", "word"),
    [
        (LOW, LOW, "holds"),
        (LOW, HIGH, "partly"),
        (LOW, AROUND, "partly"),
        (HIGH, LOW, "fails"),
        (AROUND, LOW, "fails"),
        (HIGH, HIGH, "fails"),
    ],
)
def test_the_verdict_is_decided_by_what_each_condition_is_needed_for(partly, holds, word):
    rule = claim(condition("a", "partly"), condition("b", "holds"))
    assert verdict(rule, {"a": partly, "b": holds}) == word


def test_a_claim_without_a_partly_condition_can_be_partly_true_but_not_fail():
    assert verdict(claim(condition("a", "holds")), {"a": HIGH}) == "partly"


def test_nothing_measured_and_nothing_to_measure():
    assert verdict(claim(), {"a": LOW}) == "not yet measured"
    assert verdict(claim(condition("a", "partly")), {}) == "not yet measured"
    assert verdict(claim(condition("a", "partly"), open="needs people"), {"a": LOW}) == "open"


def test_half_a_measurement_is_refused():
    rule = claim(condition("a", "partly"), condition("b", "holds"))
    with pytest.raises(ValueError, match=r"needs the figures \['b'\]"):
        verdict(rule, {"a": LOW})


@pytest.mark.parametrize(
    ("bound", "op", "threshold", "met"),
    [
        ("lower", ">", 0.9, True),
        ("lower", ">", 1.0, False),  # strict
        ("mean", ">", 1.0, True),
        ("upper", "<", 3.0, False),
        ("upper", "<", 3.1, True),
        ("lower", "<", 1.5, True),
    ],
)
def test_each_condition_looks_at_its_own_end_of_the_interval(bound, op, threshold, met):
    assert condition("a", "partly", op, bound, threshold).met(HIGH) is met


def test_intervals_are_students_t():
    result = intervals({"a": [1.0, 2.0, 3.0], "b": [7.0]})
    half = 4.302653 * 1 / math.sqrt(3)
    assert result["a"].mean == pytest.approx(2)
    assert result["a"].lower == pytest.approx(2 - half, rel=1e-6)
    assert result["a"].upper == pytest.approx(2 + half, rel=1e-6)
    assert result["b"] == Interval(7.0, 7.0, 7.0, 1)


@pytest.mark.parametrize("values", [[], [1.0, float("nan")], [float("inf")]])
def test_figures_that_are_no_numbers_are_refused(values):
    with pytest.raises(ValueError, match="'a' needs at least one number, all finite"):
        intervals({"a": values})


def test_the_table_of_a_lesson_is_the_ledgers(root):
    record(root)
    figures = read_figures("l01_sample", root)["builds"]
    table = verdict_table("builds", figures, root)
    assert table.verdict == ledger.entries(root)[0].verdict == "holds"
    assert "| difference | -1.000 [-1.248, -0.752] | upper < 0 | yes | “partly” |" in table.markdown
    assert table._repr_markdown_() == table.markdown
    assert str(table).count("✓") == 2
    fails = verdict_table("builds", {**figures, "difference": [0.5]}, root)
    assert fails.verdict == "fails"
    assert "✗ difference" in str(fails)
    with pytest.raises(ValueError, match="no claim is called 'bulids'"):
        verdict_table("bulids", figures, root)


def test_the_hash_is_of_the_rule_not_of_its_layout():
    rule = {"claim": "c", "condition": [{"figure": "a", "threshold": 0.0}]}
    turned = {"condition": [{"threshold": 0.0, "figure": "a"}], "claim": "c"}
    assert rule_hash(rule) == rule_hash(turned)
    turned["condition"][0]["threshold"] = 0.1
    assert rule_hash(rule) != rule_hash(turned)


@pytest.mark.parametrize(
    ("old", "new"),
    [("threshold = 0.0", "threshold = 0.5"), ('combine = "mean', 'combine = "median, mean')],
)
def test_a_rule_changed_after_its_results_is_refused(root, old, new):
    record(root)
    assert stale_results(root) == []
    rules = root / "lessons" / "rules.toml"
    rules.write_text(rules.read_text(encoding="utf-8").replace(old, new), encoding="utf-8")
    assert len(stale_results(root)) == 1
    assert "python -m lessons sweep 01" in stale_results(root)[0]
    with pytest.raises(ValueError, match="the rule of 'builds' is not the one"):
        ledger.render(root)


def test_a_comment_in_the_rules_changes_nothing(root):
    record(root)
    rules = root / "lessons" / "rules.toml"
    rules.write_text("# why\n" + rules.read_text(encoding="utf-8"), encoding="utf-8")
    assert stale_results(root) == []


def test_a_run_under_another_rule_or_on_another_model_is_not_found_again(root):
    """A sweep that goes on must not take over what was run under an earlier rule."""

    def file(*models):
        return sweeps.part_file(root / "parts", "01", "gap-3", models, root)

    before = file()
    assert before.name.startswith("gap-3 ")
    assert file("fernhollow-small") not in (before, file("fernhollow"))
    rules = root / "lessons" / "rules.toml"
    text = rules.read_text(encoding="utf-8")
    rules.write_text("# a comment\n" + text, encoding="utf-8")
    assert file() == before
    rules.write_text(text.replace("threshold = 0.0", "threshold = 0.5"), encoding="utf-8")
    assert file() != before


def test_results_on_another_model_are_refused(root):
    record(root)
    file = root / "lessons" / "l01_sample" / "results" / "provenance_part.json"
    said = sweeps.provenance(
        "01", "python -m lessons sweep 01 part", 1.0, 1, root, models=["fernhollow-small"]
    )
    sweeps.write_json(file, said)
    assert stale_results(root) == []
    sweeps.write_json(file, said | {"models": {"fernhollow-small": "0" * 64}})
    (problem,) = stale_results(root)
    assert "provenance_part.json tells of another fernhollow-small" in problem
    assert "run: python -m lessons sweep 01 part" in problem


def test_results_without_provenance_or_of_another_lesson_are_refused(root):
    record(root)
    results = root / "lessons" / "l01_sample" / "results"
    figures = (results / "figures.csv").read_text(encoding="utf-8")
    (results / "figures.csv").write_text(figures + "later,x,0,1\n", encoding="utf-8")
    assert "gives it no claim 'later'" in stale_results(root)[0]
    (results / "provenance.json").unlink()
    assert "without provenance.json" in stale_results(root)[0]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("claim,figure,value\nbuilds,a,1\n", "needed are"),
        ("claim,figure,seed,value\nbuilds,a,0,one\n", "line 2: 'one' is no number"),
        ("claim,figure,seed,value\nbuilds,a,0\n", "None is no number"),
    ],
)
def test_a_damaged_csv_is_refused(root, text, message):
    path = root / "lessons" / "l01_sample" / "results" / "figures.csv"
    path.parent.mkdir()
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ValueError, match=message):
        read_figures("l01_sample", root)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('op = "<"', 'op = "<="', "op = '<='; allowed"),
        ('bound = "upper"', 'bound = "top"', "bound = 'top'; allowed"),
        ('why = "The first must be smaller."', "", "a condition came with"),
        ('measure = "nothing yet"', 'mesure = "nothing yet"', "claim 'later'"),
        ('combine = "mean with a 95 % t interval"', "", "how seeds are combined"),
    ],
)
def test_a_rule_with_a_mistake_is_refused(root, old, new, message):
    rules = root / "lessons" / "rules.toml"
    text = rules.read_text(encoding="utf-8")
    assert old in text
    rules.write_text(text.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(ValueError, match=message):
        read_rules(root)


def test_the_ledger_fills_its_files_and_notices_when_they_are_old(root, capsys):
    record(root, ratio=(1.0, 1.1, 0.9))
    assert build.main(["ledger", "--check"], root) == 1
    assert "README.md is not up to date -> run: python -m lessons ledger" in capsys.readouterr().out
    assert build.main(["ledger"], root) == 0
    assert build.main(["ledger", "--check"], root) == 0
    claims = tomllib.loads((root / "lessons" / "claims.toml").read_text(encoding="utf-8"))["claims"]
    assert claims["builds"]["verdict"] == "partly"
    assert claims["later"]["verdict"] == "not yet measured"
    assert claims["builds"]["rule_sha256"] == read_rules(root)["builds"].sha256
    assert claims["builds"]["figures"]["difference"]["n"] == 3
    readme = (root / "README.md").read_text(encoding="utf-8")
    assert "| 01 | A sample | Does the build work? | 50 / 75 |" in readme
    assert "**partly** | ratio = 1.000 [0.752, 1.248], lower > 2 not met |" in readme
    record(root)
    assert build.main(["ledger", "--check"], root) == 1


def test_the_ledger_needs_its_markers(root, capsys):
    (root / "README.md").write_text("# no markers\n", encoding="utf-8")
    assert build.main(["ledger"], root) == 2
    assert "<!-- lessons:begin -->" in capsys.readouterr().err


def test_provenance_says_where_numbers_come_from(root):
    record(root)
    path = root / "lessons" / "l01_sample" / "results" / "provenance.json"
    stored = json.loads(path.read_text(encoding="utf-8"))
    assert stored["rules"] == {"builds": read_rules(root)["builds"].sha256}
    assert set(stored["versions"]) == {"python", "torch", "numpy", "minigpt"}
    assert stored["cpu"]
    assert stored["threads"] == 1
    assert stored["date"].endswith("Z")


def test_a_csv_is_written_whole_or_not_at_all(tmp_path):
    path = tmp_path / "new" / "a.csv"
    sweeps.write_csv(path, [{"a": 0.1 + 0.2, "b": "x,y"}])
    assert path.read_text(encoding="utf-8") == 'a,b\n0.3,"x,y"\n'
    with pytest.raises(ValueError, match="row 2"):
        sweeps.write_csv(path, [{"a": 1}, {"b": 2}])
    with pytest.raises(ValueError, match="no rows"):
        sweeps.write_csv(path, [])
    with pytest.raises(ValueError, match="JSON"):
        sweeps.write_json(path, {"a": float("nan")})
    assert path.read_text(encoding="utf-8").startswith("a,b\n")
    assert [p.name for p in path.parent.iterdir()] == ["a.csv"]


# The course itself.


def test_every_claim_has_a_rule_and_a_lesson():
    rules, lessons = read_rules(), {lesson.no: lesson for lesson in read_course()}
    assert list(lessons) == [f"{number:02d}" for number in range(19)]
    assert set(rules) == ALL_CLAIMS
    for rule in rules.values():
        assert rule.id in lessons[rule.lesson].claims
        assert rule.measure
    assert {name for lesson in lessons.values() for name in lesson.claims} == set(rules)


def test_prerequisites_are_earlier_lessons():
    seen: set[str] = set()
    for lesson in read_course():
        assert set(lesson.prerequisites) <= seen
        assert lesson.minutes[0] <= lesson.minutes[1]
        seen.add(lesson.no)


def test_results_stand_under_the_rules_of_today():
    assert stale_results() == []


def test_recorded_lessons_decide_all_their_claims():
    decided = {entry.claim.id for entry in ledger.entries() if entry.verdict != "not yet measured"}
    for lesson in read_course():
        if lesson.exists:
            mine = {rule.id for rule in read_rules().values() if rule.lesson == lesson.no}
            assert mine <= decided


def test_claims_toml_and_readme_are_up_to_date():
    assert [path.name for path in ledger.outdated()] == [], "run: python -m lessons ledger"


@pytest.mark.parametrize("name", ["06", "6", "l06", "06_pretraining", "l06_pretraining"])
def test_a_lesson_has_many_names(name):
    assert find_lesson(name, read_course()).slug == "l06_pretraining"


def test_an_unknown_lesson_is_answered_with_the_known_ones():
    with pytest.raises(ValueError, match="06_pretraining"):
        find_lesson("pretraining", read_course())


def test_sweep_hands_its_arguments_on(root, monkeypatch):
    (root / "lessons" / "l01_sample" / "sweep.py").write_text("", encoding="utf-8")
    got = []

    class Module:
        @staticmethod
        def main(argv):
            got.append(argv)

    monkeypatch.setattr(importlib, "import_module", lambda name: got.append(name) or Module)
    assert build.main(["sweep", "l01", "long", "--seeds", "3"], root) == 0
    assert got == ["lessons.l01_sample.sweep", ["long", "--seeds", "3"]]


def test_a_sweep_that_does_not_exist_is_named(root, capsys):
    assert build.main(["sweep", "02"], root) == 2
    assert "lessons/l02_planned/sweep.py" in capsys.readouterr().err


def test_first_names_the_first_lesson_that_exists(root, capsys, monkeypatch):
    monkeypatch.chdir(root)
    assert build.main(["first"], root) == 0
    assert capsys.readouterr().out == "notebooks/01_sample.ipynb\n"
    (root / "lessons" / "l01_sample" / "lesson.md").unlink()
    assert build.main(["first"], root) == 2
    assert "no lesson is written yet" in capsys.readouterr().err


def test_the_course_stands_in_the_clone():
    assert (ROOT / "pyproject.toml").is_file()
