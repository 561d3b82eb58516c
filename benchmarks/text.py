"""Changes of sentences measured: what copies are worth on real questions and reviews, robustness, and speed.

    python -m benchmarks.text [few] [noise] [translation] [speed]

``few``, ``noise`` and ``translation`` need TREC and SST-2 under ``LABKIT_DATA/text``, and WordNet's files
(``apt install wordnet-base``); what is back-translated needs Apertium (``apt install apertium-eng-spa``).
``speed`` needs textaugment and nltk.
"""

import functools
import io
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from benchmarks import kit
from benchmarks.kit import Row
from labkit import metrics, nets
from labkit.augment import text
from labkit.augment.transform import Transform

SETS = {"TREC": ("TREC.train.all", "TREC.test.all"), "SST-2": ("stsa.binary.train", "stsa.binary.test")}
COPIES, STEPS, BATCH = 4, 200, 64
ARMS = ("each line 5 times", "synonyms", "swap", "deletion", "EDA", "back-translation")
MODELS = ("bag of words", "convolution")


@functools.cache
def lines(name: str, split: int) -> tuple[list[list[str]], Tensor]:
    """The sentences of a split (0 to learn from, 1 to test on) as tokens, and their labels as numbers."""
    path = kit.real_data("text", SETS[name][split])
    rows = [line.split(" ", 1) for line in path.read_text(encoding="latin-1").splitlines()]
    numbers = {label: i for i, label in enumerate(sorted({label for label, _ in rows}))}
    return [text.tokenize(line) for _, line in rows], torch.tensor([numbers[label] for label, _ in rows])


@functools.cache
def wordnet() -> text.WordNet:
    """WordNet's files."""
    try:
        return text.WordNet()
    except ValueError as error:
        raise kit.Missing(str(error)) from None


@functools.cache
def returned(name: str, split: int) -> list[list[str]]:
    """A whole split in Spanish and back."""
    try:
        transform = text.BackTranslation(text.Apertium("eng-spa"), text.Apertium("spa-eng"))
    except ValueError as error:
        raise kit.Missing(str(error)) from None
    return [list(words) for words in transform(lines(name, split)[0])]


@functools.cache
def transform_of(arm: str) -> Transform | None:
    """The transform of an arm, with the strengths that EDA's authors recommend for small sets."""
    return {
        "synonyms": lambda: text.SynonymReplacement(wordnet(), alpha=0.1),
        "swap": lambda: text.RandomSwap(alpha=0.1),
        "deletion": lambda: text.RandomDeletion(p=0.1),
        "EDA": lambda: text.eda(wordnet(), alpha=0.1),
        "typing errors": lambda: text.Typos(p=0.3),
    }.get(arm, lambda: None)()


def some(name: str, per_class: int, seed: int) -> Tensor:
    """The places of the labelled lines: the same for every arm."""
    y = lines(name, 0)[1]
    order = torch.randperm(len(y), generator=kit.seeded(seed))
    return torch.cat([order[y[order] == k][:per_class] for k in y.unique()])


def learning_set(name: str, arm: str, chosen: Tensor, seed: int) -> tuple[list[list[str]], Tensor]:
    """The labelled lines with four copies of each, changed or not."""
    every, labels = lines(name, 0)
    x, y = [every[i] for i in chosen.tolist()], labels[chosen]
    if arm == "back-translation":
        back = returned(name, 0)
        return x * 3 + [back[i] for i in chosen.tolist()] * 2, y.repeat(1 + COPIES)
    transform = transform_of(arm)
    if transform is None:
        return x * (1 + COPIES), y.repeat(1 + COPIES)
    new, y = text.with_copies(x, y, transform, copies=COPIES, generator=kit.seeded(seed))
    return [list(words) for words in new], y


def trained(x: list[list[str]], y: Tensor, model: str, seed: int) -> Any:
    """A classifier: from token lists to logits."""
    vocabulary, classes = text.Vocabulary(x), int(y.max()) + 1
    with nets.seeded_weights(seed):
        kind = text.BagOfWords if model == MODELS[0] else text.WordCNN
        net: torch.nn.Module = kind(len(vocabulary), classes)
    optimizer = torch.optim.Adam(net.parameters(), lr=0.02 if model == MODELS[0] else 3e-3, weight_decay=1e-4)
    codes, g = vocabulary.encode(x), kit.seeded(seed)
    for _ in range(STEPS):
        i = torch.randint(len(y), (BATCH,), generator=g)
        loss = F.cross_entropy(net.train()(codes[i]), y[i])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return lambda batch: metrics.predict(net.eval(), vocabulary.encode(batch))


# ── few labels ────────────────────────────────────────────────────────────────────────────────────────────────────────


def few(name: str, model: str, arm: str, per_class: int, seed: int) -> Row:
    """Accuracy on the test split, and on the test split after a translation there and back."""
    x, y = learning_set(name, arm, some(name, per_class, seed), seed)
    predict = trained(x, y, model, seed)
    new, truth = lines(name, 1)
    row = {"accuracy": metrics.accuracy(predict(new), truth)}
    if name == "TREC":
        row["paraphrased"] = metrics.accuracy(predict(returned(name, 1)), truth)
    return row


def measure_few(runs: kit.Runs) -> None:
    """Bag of words: both sets. Convolution: TREC, five draws and 100 of each class at most."""
    for seed in runs.seeds:
        for name, model in (("TREC", MODELS[0]), ("SST-2", MODELS[0]), ("TREC", MODELS[1])):
            if model == MODELS[1] and seed >= 5:
                continue
            for per_class in (5, 20, 100, 500) if model == MODELS[0] else (5, 20, 100):
                for arm in ARMS:
                    if name == "TREC" or arm != "back-translation":
                        runs.once(few, name=name, model=model, arm=arm, per_class=per_class, seed=seed)


def against_control(rows: list[Row], figure: str) -> str:
    """For each arm the gain over the control with the same lines, mean ± standard deviation, in points."""
    control = {(row["per_class"], row["seed"]): row[figure] for row in rows if row["arm"] == ARMS[0]}
    gains = [
        {**row, "gain": row[figure] - control[row["per_class"], row["seed"]]} for row in rows if row["arm"] != ARMS[0]
    ]
    return kit.grid(gains, "arm", "per_class", "gain", corner="gain over the control, points")


def show_few(rows: list[Row]) -> str:
    """A table of accuracies and one of gains for each data set and model."""
    parts = [
        "Labelled lines of each class: 5, 20, 100, for the bag of words also 500, or all there are (86 of TREC's "
        f"smallest class). Every arm trains {STEPS} steps on five copies of each line; the "
        "control on five times the same. Back-translated: three times the line, twice its translation. "
        f"{len(kit.groups(rows, 'seed'))} draws of the lines (5 for the convolution); the gain is taken draw by draw."
    ]
    for (name, model), same in kit.groups(rows, "name", "model").items():
        parts.append(f"**{name}, {model}**, accuracy, %")
        parts.append(kit.grid(same, "arm", "per_class", "accuracy"))
        parts.append(against_control(same, "accuracy"))
    trec = [row for row in rows if row["name"] == "TREC" and row["model"] == MODELS[0]]
    parts.append("**TREC, bag of words, the 500 test questions in Spanish and back**, accuracy, %")
    parts.append(kit.grid(trec, "arm", "per_class", "paraphrased"))
    return "\n\n".join(parts)


# ── typing errors ─────────────────────────────────────────────────────────────────────────────────────────────────────


def trigrams(batch: Sequence[list[str]]) -> list[list[str]]:
    """Each sentence as the triples of letters of its words."""
    return [[f"#{w}#"[i : i + 3] for w in words for i in range(max(1, len(w)))] for words in batch]


def noise(unit: str, arm: str, errors: float, seed: int) -> Row:
    """TREC, 100 a class: accuracy on test questions with typing errors."""
    split = trigrams if unit == "trigrams" else list
    x, y = learning_set("TREC", arm, some("TREC", 100, seed), seed)
    new, truth = lines("TREC", 1)
    wrong = text.Typos(p=errors)(new, generator=kit.seeded(999))
    return {"accuracy": metrics.accuracy(trained(split(x), y, MODELS[0], seed)(split(wrong)), truth)}


def measure_noise(runs: kit.Runs) -> None:
    """Words and trigrams, without and with errors in the copies."""
    for seed in runs.seeds[:5]:
        for unit in ("words", "trigrams"):
            for arm in (ARMS[0], "typing errors"):
                for errors in (0.0, 0.3, 1.0):
                    runs.once(noise, unit=unit, arm=arm, errors=errors, seed=seed)


def show_noise(rows: list[Row]) -> str:
    """A line for each way to train."""
    named = [{**row, "way": f"{row['unit']}, {row['arm']}", "share": f"{row['errors']:.0%} mistyped"} for row in rows]
    head = f"TREC, bag of words, 100 a class, {len(kit.groups(rows, 'seed'))} draws, accuracy in %."
    return f"{head}\n\n{kit.grid(named, 'way', 'share', 'accuracy')}"


# ── translation ───────────────────────────────────────────────────────────────────────────────────────────────────────


def distance(arm: str, seed: int) -> Row:
    """How far changed test questions are from the old ones, and how many keep the label in a judge's opinion."""
    old, _ = lines("TREC", 1)
    transform = transform_of(arm)
    new = returned("TREC", 1) if transform is None else transform(old, generator=kit.seeded(seed))
    predict = judge()
    before, after = [text.join(words) for words in old], [text.join(words) for words in new]
    return {
        "unchanged": text.share_unchanged(after, before),
        "chrF": sum(map(text.chrf, after, before)) / len(old),
        "kept": float((predict(new).argmax(1) == predict(old).argmax(1)).double().mean()),
    }


@functools.cache
def judge() -> Any:
    """A bag of words that has learned all 5,452 questions."""
    return trained(*lines("TREC", 0), MODELS[0], 0)


def measure_translation(runs: kit.Runs) -> None:
    """Each way to change the test questions."""
    for seed in runs.seeds[:5]:
        for arm in ARMS[1:]:
            if seed == runs.seeds[0] or arm != "back-translation":  # a translation by rules has no chance in it
                runs.once(distance, arm=arm, seed=seed)


def show_translation(rows: list[Row]) -> str:
    """A line for each way."""
    columns = {"unchanged, %": "unchanged", "chrF, %": "chrF", "label kept, %": "kept"}
    head = (
        "The 500 test questions of TREC. *Label kept*: in the opinion of a bag of words that has learned all 5,452 "
        "training questions. Back-translation: Apertium, English–Spanish–English."
    )
    return f"{head}\n\n{kit.means(rows, 'arm', columns, percent=True)}"


# ── speed ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


def peers() -> dict[str, Any]:
    """textaugment's operations; its WordNet is nltk's reader on the same files that labkit reads."""
    try:
        import textaugment.eda
        from nltk.corpus.reader import wordnet as reader
        from nltk.data import path
    except ImportError as error:
        raise kit.Missing(f"needs {error.name}: pip install textaugment nltk") from None
    home = Path(wordnet().home)
    path.append(str(home.parent))

    class Files(reader.WordNetCorpusReader):
        """nltk's reader, with the one file that Debian leaves out."""

        def open(self, file: str) -> Any:
            content = "".join(f"{i:02d} none 1\n" for i in range(45))
            return io.StringIO(content) if file == "lexnames" else super().open(file)

        def map_wn(self, version: str = "wordnet") -> None:
            return None

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        textaugment.eda.wordnet = Files(str(home), None)
    eda = object.__new__(textaugment.EDA)  # its constructor downloads
    eda.stopwords = sorted(text.STOP_WORDS)
    return {
        "synonyms": lambda line: eda.synonym_replacement(line, n=1),
        "insertion": lambda line: eda.random_insertion(line, n=1),
        "swap": lambda line: eda.random_swap(line, n=1),
        "deletion": lambda line: eda.random_deletion(line, p=0.1),
        "marks (AEDA)": textaugment.AEDA().punct_insertion,
    }


def race(operation: str, rounds: int) -> Row:
    """500 questions: tokens a second of both, token lists in and out, and texts in and out."""
    torch.set_num_threads(1)
    batch = [words for words in lines("TREC", 1)[0] if len(words) > 5]
    texts = [" ".join(words) for words in batch]
    ours = {
        "synonyms": text.SynonymReplacement(wordnet(), alpha=0.01),
        "insertion": text.RandomInsertion(wordnet(), alpha=0.01),
        "swap": text.RandomSwap(alpha=0.01),
        "deletion": text.RandomDeletion(p=0.1),
        "marks (AEDA)": text.PunctuationInsertion(),
    }[operation]
    theirs = peers()[operation]
    seconds = kit.race(
        {
            "lists": lambda: ours(batch),
            "texts": lambda: [text.join(words) for words in ours([text.tokenize(line) for line in texts])],
            "peer": lambda: [theirs(line) for line in texts],
        },
        rounds=rounds,
    )
    tokens = sum(map(len, batch))
    return {
        "tokens": tokens / min(seconds["lists"]),
        "ratio": kit.times_as_fast(seconds, "lists", "peer"),
        "with_texts": kit.times_as_fast(seconds, "texts", "peer"),
        "machine": kit.machine(),
    }


def measure_speed(runs: kit.Runs, *, rounds: int = 5) -> None:
    """Every operation that both have."""
    for operation in ("synonyms", "insertion", "swap", "deletion", "marks (AEDA)"):
        runs.once(race, operation=operation, rounds=rounds)


def show_speed(rows: list[Row]) -> str:
    """A line for each operation."""
    lines_ = [
        [row["operation"], f"{row['tokens'] / 1e6:.2f}", f"{row['ratio']:.1f}", f"{row['with_texts']:.1f}"]
        for row in rows
    ]
    head = ["operation", "labkit, million tokens a second", "times as fast, lists", "times as fast, texts in and out"]
    words = (
        "Against textaugment 3.0 on TREC's test questions of more than five tokens, one change a question, CPU time, "
        f"{rows[0]['machine']}. *Lists*: labkit gets token lists, as in training, and textaugment its texts, which it "
        "splits at blanks. *Texts in and out*: labkit's tokenizer and `join`, which keep blanks and marks, are counted "
        "as well. Both have looked every word up before. textaugment's AEDA raises an error on one or two words."
    )
    return f"{words}\n\n{kit.table(head, lines_)}"


ABOUT = """Mean ± standard deviation over draws of the labelled lines, each with its own seed. Strengths are those that
EDA's authors recommend for small sets (α = p = 0.1); nothing was chosen by a test split. Synonyms are WordNet 3.0's,
all senses, as EDA has it, leaving stop words alone. EDA's paper reports that half of the data with its copies equals
all of the data without, and under one point on full sets."""

BENCHMARK = kit.Benchmark(
    "text",
    "Text, measured",
    ABOUT,
    [
        kit.Part("few", measure_few, show_few, title="Few labels: questions and film reviews", seeds=10),
        kit.Part("noise", measure_noise, show_noise, title="Typing errors"),
        kit.Part("translation", measure_translation, show_translation, title="What changes, and does the label stay?"),
        kit.Part("speed", measure_speed, show_speed, title="Speed"),
    ],
)

if __name__ == "__main__":
    BENCHMARK.main()
