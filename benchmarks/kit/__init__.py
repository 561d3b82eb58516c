"""What every benchmark needs: runs that are kept, a page of sections, tables, arguments, and a race.

A benchmark is a list of parts. A part has a function that measures and one that shows:

    def measure_digits(runs: kit.Runs, *, steps: int = 300) -> None:
        for seed in runs.seeds:
            for method in METHODS:
                runs.once(train_and_test, method=method, steps=steps, seed=seed)

    def show_digits(rows: list[kit.Row]) -> str:
        return kit.means(rows, "method", {"accuracy, %": "accuracy"}, percent=True)

    BENCHMARK = kit.Benchmark("mytopic", "My topic, measured", "Mean ± standard deviation over seeds.", [
        kit.Part("digits", measure_digits, show_digits, title="Digits"),
    ])

    if __name__ == "__main__":
        BENCHMARK.main()

``once`` calls ``train_and_test(method=…, steps=…, seed=…)``, which returns figures by name, unless a row with these
settings is kept: a part can be broken off and gone on with. ``results/KEY.json`` maps each part to its rows. A row is
one run, flat: its settings, its ``seed`` where there is chance, and its figures. Where the runs of old were not kept
one by one, a row has their mean and deviation (``kit.mean``). ``results/KEY.md`` is made from the rows, a section a
part, between marks; a section whose part has no rows stays as it is. ``python -m benchmarks`` runs the benchmarks of
all topics.
"""

from benchmarks.kit.benchmark import Benchmark, Part, Runs
from benchmarks.kit.clones import is_labkit_of, with_labkit_of
from benchmarks.kit.machine import Missing, machine, real_data, seeded
from benchmarks.kit.page import flow, marked, replace_section, sections
from benchmarks.kit.race import race, times_as_fast
from benchmarks.kit.store import RESULTS, Row, Store
from benchmarks.kit.tables import average, grid, groups, mean, means, table, values

__all__ = [
    "RESULTS",
    "Benchmark",
    "Missing",
    "Part",
    "Row",
    "Runs",
    "Store",
    "average",
    "flow",
    "grid",
    "groups",
    "is_labkit_of",
    "machine",
    "marked",
    "mean",
    "means",
    "race",
    "real_data",
    "replace_section",
    "sections",
    "seeded",
    "table",
    "times_as_fast",
    "values",
    "with_labkit_of",
]
