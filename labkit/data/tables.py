"""Public tables: the census of 1994 that half of the literature on fairness is measured on.

Where files lie and what happens when a download fails: see ``labkit.data.download``.
"""

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path

import torch

from labkit.data.dataset import About, DataError, Dataset
from labkit.data.download import fetch

ADULT = About(
    name="Adult",
    licence="CC BY 4.0",
    citation="B. Becker and R. Kohavi, Adult, UCI Machine Learning Repository, 1996",
    source="https://archive.ics.uci.edu/dataset/2/adult",
)
ADULT_URL = "https://archive.ics.uci.edu/ml/machine-learning-databases/adult/"
ADULT_FILES = {
    "train": ("adult.data", "5b00264637dbfec36bdeaab5676b0b309ff9eb788d63554ca0a249491c86603d"),
    "test": ("adult.test", "a2a9044bc167a35b2361efbabec64e89d69ce82d9790d2980119aac5fd7e9c05"),
}
ADULT_FIELDS = (
    *("age", "workclass", "fnlwgt", "education", "education-num", "marital-status", "occupation", "relationship"),
    *("race", "sex", "capital-gain", "capital-loss", "hours-per-week", "native-country", "income"),
)
ADULT_NUMBERS = ("age", "education-num", "capital-gain", "capital-loss", "hours-per-week")
ADULT_WORDS = ("workclass", "marital-status", "occupation", "relationship", "race", "sex", "native-country")


def adult(
    split: str = "train",
    *,
    hide: Sequence[str] = ("sex",),
    root: str | Path | None = None,
    download: bool = True,
    device: torch.device | str = "cpu",
    progress: bool = True,
) -> Dataset:
    """UCI Adult: does a person of the census of 1994 earn more than 50,000 dollars a year?

    ``x`` is (N, K) float32: five numbers with mean 0 and spread 1 over the training set (gains and losses as
    logarithms), then one column of 0 or 1 for each value of each category; what is missing ("?") is a value of its
    own. The census weight and the second spelling of the education are left out. ``extra`` holds ``sex`` (1 male,
    0 female) and ``race`` (1 white, 0 other), (N,) int64, ``age`` in years and ``education`` in years of school.

    Args:
        split: train (32,561 people) or test (16,281).
        hide: categories or numbers that ``x`` must not hold, such as the protected one.
        root, download, progress: as for every public set; see ``labkit.data.download``.
        device: where the tensors are to lie.

    Raises:
        ValueError: if the split or a hidden column is unknown.
        DataError: if the file is missing and can't be fetched, or damaged.
    """
    if split not in ADULT_FILES:
        raise ValueError(f"Adult has the splits {', '.join(ADULT_FILES)}; got {split!r}")
    if unknown := set(hide) - {*ADULT_NUMBERS, *ADULT_WORDS}:
        raise ValueError(f"Adult has no column {sorted(unknown)}; it has {', '.join((*ADULT_NUMBERS, *ADULT_WORDS))}")
    rows = {name: adult_rows(name, root=root, download=download, progress=progress) for name in {"train", split}}
    x, columns = encode(rows[split], rows["train"], hide)
    column = {name: [row[name] for row in rows[split]] for name in ("income", "sex", "race", "age", "education-num")}
    extra = {
        "sex": torch.tensor([word == "Male" for word in column["sex"]]).long(),
        "race": torch.tensor([word == "White" for word in column["race"]]).long(),
        "age": torch.tensor([int(word) for word in column["age"]]),
        "education": torch.tensor([int(word) for word in column["education-num"]]),
    }
    y = torch.tensor([word.startswith(">") for word in column["income"]]).long()
    return Dataset(x, y, ("up to 50K", "above 50K"), ADULT, extra, columns=columns).to(device)


def adult_rows(split: str, *, root: str | Path | None, download: bool, progress: bool) -> list[dict[str, str]]:
    """The people of a split, each as words by column."""
    name, sha256 = ADULT_FILES[split]
    path = fetch(ADULT_URL + name, sha256, name=f"adult/{name}", root=root, download=download, progress=progress)
    with path.open(newline="", encoding="ascii") as file:
        rows = [row for row in csv.reader(file, skipinitialspace=True) if len(row) == len(ADULT_FIELDS)]
    if not rows:
        raise DataError(f"{path} holds no people: remove it and fetch it again")
    return [dict(zip(ADULT_FIELDS, row)) for row in rows]


def encode(
    rows: Sequence[Mapping[str, str]], train: Sequence[Mapping[str, str]], hide: Sequence[str]
) -> tuple[torch.Tensor, tuple[str, ...]]:
    """Numbers and categories of ``rows`` as columns; spread and categories are those of ``train``."""
    parts, columns = [], []
    for name in (n for n in ADULT_NUMBERS if n not in hide):
        here, there = number(rows, name), number(train, name)
        parts.append(((here - there.mean()) / there.std())[:, None])
        columns.append(name)
    for name in (n for n in ADULT_WORDS if n not in hide):
        values = {value: i for i, value in enumerate(sorted({row[name] for row in train}))}
        place = torch.tensor([values[row[name]] for row in rows])
        parts.append(torch.nn.functional.one_hot(place, len(values)).float())
        columns += [f"{name}: {value}" for value in values]
    return torch.cat(parts, dim=1), tuple(columns)


def number(rows: Sequence[Mapping[str, str]], name: str) -> torch.Tensor:
    """A column of numbers; money as a logarithm."""
    values = torch.tensor([float(row[name]) for row in rows])
    return values.log1p() if name.startswith("capital") else values
