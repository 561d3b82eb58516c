"""The benchmarks' kit: runs are kept and gone on with, a page is made from them, every topic's has the same form."""

import importlib
import json
import subprocess
from pathlib import Path

import pytest
import torch

from benchmarks import __main__ as everything
from benchmarks import kit

ROOT = Path(__file__).resolve().parents[1]


def measured(calls: list[tuple[str, int]], *, broken_at: int = 99):
    """A part that notes its calls and breaks off before one of them."""

    def measure(runs: kit.Runs, *, steps: int = 3, fast: bool = False) -> None:
        def run(method: str, steps: int, seed: int) -> kit.Row:
            if len(calls) == broken_at:
                raise KeyboardInterrupt
            calls.append((method, seed))
            return {"accuracy": 0.5 + seed / 3, "lost": float("nan")}

        for method in ("plain", "deck"):
            for seed in runs.seeds:
                runs.once(run, method=method, steps=steps, seed=seed)

    return measure


def show(rows: list[kit.Row]) -> str:
    return kit.means(rows, "method", {"accuracy, %": "accuracy"}, percent=True)


def benchmark(measure, **knobs) -> kit.Benchmark:
    return kit.Benchmark("tiny", "Tiny", "About it.", [kit.Part("digits", measure, show, title="Digits", **knobs)])


def test_a_part_that_was_broken_off_goes_on_where_it_was(tmp_path):
    calls: list[tuple[str, int]] = []
    with pytest.raises(KeyboardInterrupt):
        benchmark(measured(calls, broken_at=3)).main(["--results", str(tmp_path), "--seeds", "2"])
    assert calls == [("plain", 0), ("plain", 1), ("deck", 0)]
    benchmark(measured(calls)).main(["--results", str(tmp_path), "--seeds", "2"])
    assert calls == [("plain", 0), ("plain", 1), ("deck", 0), ("deck", 1)]
    benchmark(measured(calls)).main(["--results", str(tmp_path), "--seeds", "3"])
    assert calls[4:] == [("plain", 2), ("deck", 2)]
    benchmark(measured(calls)).main(["--results", str(tmp_path), "--seeds", "1", "--again", "digits"])
    assert len(calls) == 8


def test_rows_are_flat_short_and_valid_json_and_the_page_is_made_from_them(tmp_path):
    benchmark(measured([])).main(["--results", str(tmp_path), "--seeds", "2", "--set", "steps=7"])
    kept = json.loads((tmp_path / "tiny.json").read_text())
    assert kept["digits"][1] == {"method": "plain", "steps": 7, "seed": 1, "accuracy": 0.833333, "lost": None}
    page = (tmp_path / "tiny.md").read_text()
    assert page.startswith("# Tiny\n\nWritten by `python -m benchmarks.tiny`. About it.\n\n<!-- begin: digits -->\n")
    assert "## Digits\n\n| | accuracy, % |\n|---|--:|\n| plain | 67 ± 24 |\n" in page


def test_a_setting_that_only_some_runs_have_is_none_in_the_others(tmp_path):
    store, calls = kit.Store(tmp_path / "tiny.json"), []
    runs = kit.Runs(store, "rates", range(1), torch.device("cpu"))
    for patience in (5, None, 5, None):
        runs.once(lambda lr, patience: calls.append(patience) or {"accuracy": 1.0}, lr=0.1, patience=patience)
    assert calls == [5, None]
    assert store.rows("rates") == [{"lr": 0.1, "patience": 5, "accuracy": 1.0}, {"lr": 0.1, "accuracy": 1.0}]


def test_a_row_that_sums_up_seeds_counts_for_each_of_them(tmp_path):
    summed = {"method": "plain", "steps": 3, "seeds": 5, "accuracy": 0.752, "accuracy ±": 0.036}
    store, calls = kit.Store(tmp_path / "tiny.json"), []
    store.add("digits", [summed])
    benchmark(measured(calls)).main(["--results", str(tmp_path), "--seeds", "2"])
    assert calls == [("deck", 0), ("deck", 1)]
    assert "| plain | 75.2 ± 3.6 |\n| deck | 67 ± 24 |" in (tmp_path / "tiny.md").read_text()


def test_a_section_without_rows_stays_as_it_is(tmp_path):
    (tmp_path / "tiny.md").write_text("# Old\n\n" + kit.marked("digits", "## Digits\n\nas measured before"))
    benchmark(measured([])).main(["--results", str(tmp_path), "--show"])
    page = (tmp_path / "tiny.md").read_text()
    assert page.startswith("# Tiny")
    assert kit.sections(page) == {"digits": "## Digits\n\nas measured before"}


def test_what_the_machine_lacks_stops_no_other_part(tmp_path, monkeypatch, capsys):
    monkeypatch.delenv("LABKIT_DATA", raising=False)
    calls: list[tuple[str, int]] = []
    parts = [kit.Part("real", lambda runs: kit.real_data("MNIST")), kit.Part("digits", measured(calls), seeds=1)]
    kit.Benchmark("tiny", "Tiny", "", parts).main(["--results", str(tmp_path)])
    assert "tiny: real is not measured: LABKIT_DATA is not set" in capsys.readouterr().err
    assert len(calls) == 2


def test_a_part_of_its_own_runs_only_where_it_is_named(tmp_path):
    calls: list[tuple[str, int]] = []
    own = benchmark(measured(calls), by_default=False)
    own.main(["--results", str(tmp_path)])
    assert not calls
    own.main(["digits", "--results", str(tmp_path), "--seeds", "1"])
    assert len(calls) == 2


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["nothing"], "there is no part 'nothing'; the parts are digits"),
        (["--set", "stops=3"], "these parts have no knob 'stops'; there are steps, fast"),
        (["--set", "steps=many"], "steps is 'many'; expected a value like 3"),
        (["--set", "fast=perhaps"], "fast is 'perhaps'; expected a value like False"),
    ],
)
def test_bad_arguments_get_a_sentence(tmp_path, capsys, arguments, sentence):
    with pytest.raises(SystemExit) as end:
        benchmark(measured([])).main([*arguments, "--results", str(tmp_path)])
    assert end.value.code == 2
    assert sentence in capsys.readouterr().err


def test_tables():
    rows = [
        {"method": "a", "n": 1, "seed": 0, "accuracy": 0.5},
        {"method": "a", "n": 1, "seed": 1, "accuracy": 0.7},
        {"method": "b", "n": 1, "seed": 0, "accuracy": 0.65},
        {"method": "b", "n": 5, "seed": 0, "accuracy": 0.9, "lost": None},
    ]
    assert kit.values(rows, "accuracy") == [0.5, 0.7, 0.65, 0.9]
    assert kit.values(rows, "lost") == []
    assert kit.mean(rows, "lost") == "–"
    assert [len(same) for same in kit.groups(rows, "method", "n").values()] == [2, 1, 1]
    lines = kit.grid(rows, "method", "n", "accuracy", best=True, corner="method").splitlines()
    assert lines == [
        "| method | 1 | 5 |",
        "|---|--:|--:|",
        "| a | 60 ± 14 | |",
        "| b | **65** | **90** |",
    ]


def test_in_a_race_all_take_turns_and_a_ratio_is_that_of_the_same_round():
    clock, order = [0.0], []

    def call(name: str, seconds: float):
        def run() -> None:
            clock[0] += seconds
            order.append(name)

        return run

    calls = {"ours": call("ours", 1.0), "theirs": call("theirs", 3.0)}
    seconds = kit.race(calls, rounds=4, least=0, clock=lambda: clock[0])
    assert order == ["ours", "theirs", *(["ours", "theirs", "theirs", "ours"] * 2)]
    assert seconds == {"ours": [1.0] * 4, "theirs": [3.0] * 4}
    assert kit.times_as_fast(seconds, "ours", "theirs") == 3.0
    order.clear()
    kit.race(calls, rounds=1, least=2.5, clock=lambda: clock[0])
    assert order == ["ours"] * 2 + ["theirs"] * 2 + ["ours"] * 3 + ["theirs"]


def test_sections_of_a_page():
    page = f"before\n{kit.marked('a', 'old')}\nbetween\n{kit.marked('b', 'other')}\n"
    new = kit.replace_section(page, "a", r"new \1")
    assert kit.sections(new) == {"a": r"new \1", "b": "other"}
    assert "before" in new
    assert "between" in new
    with pytest.raises(ValueError, match="the page has no section 'c'"):
        kit.replace_section(page, "c", "")


@pytest.mark.parametrize("key", everything.keys())
def test_a_topic_s_benchmark_has_its_key_and_its_page_is_the_one_that_its_runs_give(key):
    own = importlib.import_module(f"benchmarks.{key}").BENCHMARK
    assert own.key == key
    names = [part.name for part in own.parts]
    assert len(set(names)) == len(names)
    path = kit.RESULTS / f"{key}.md"
    page = path.read_text(encoding="utf-8")
    rows = kit.Store(path.with_suffix(".json")).read()
    assert set(rows) <= set(names)
    assert own.page(rows, page) == page
    assert set(kit.sections(page)) == {part.name for part in own.parts if part.show is not None}


def test_the_walk_finds_the_topics_and_refuses_others(capsys):
    assert {"attacks", "dti"} <= set(everything.keys()) <= {topic.key for topic in everything.SYLLABUS}
    assert everything.main(["nothing"]) == 2
    assert "no topic is called 'nothing'" in capsys.readouterr().err
    assert everything.main(["start"]) == 2
    assert "start has no benchmark" in capsys.readouterr().err


def test_the_walk_goes_on_after_one_that_fails(monkeypatch, capsys):
    ran = []

    def run(command, **_):
        ran.append(command[2:])
        return subprocess.CompletedProcess(command, int("gan" in command[2]))

    monkeypatch.setattr(everything.subprocess, "run", run)
    assert everything.main(["gan", "4", "--", "--seeds", "1"]) == 1
    assert ran == [["benchmarks.gan", "--seeds", "1"], ["benchmarks.attacks", "--seeds", "1"]]
    assert "failed: gan" in capsys.readouterr().err
