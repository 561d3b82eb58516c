"""Text against the peers: sacrebleu's chrF, nltk's WordNet and grammar, EDA's counts by textaugment."""

import io
import itertools
import os
from pathlib import Path

import pytest
import torch

from labkit.augment import text
from labkit.augment.text import trees
from labkit.data import simulate

FILMS = simulate.sentences(40, generator=torch.Generator().manual_seed(0)).x
WORDNET = Path("/usr/share/wordnet")


def peer(name):
    return pytest.importorskip(name, reason=f"needs {name}: pip install labkit-course[test]")


def test_chrf_is_sacrebleus():
    metric = peer("sacrebleu.metrics").CHRF()
    typed = text.Typos(p=0.5)([text.tokenize(t) for t in FILMS], generator=torch.Generator().manual_seed(0))
    pairs = [*zip(map(text.join, typed), FILMS), *itertools.pairwise(FILMS), ("a", "ab"), ("abc", "abc"), ("", "abc")]
    for candidate, reference in pairs:
        assert abs(100 * text.chrf(candidate, reference) - metric.sentence_score(candidate, [reference]).score) < 1e-6


def test_a_parser_finds_the_trees_that_the_grammar_drew():
    nltk = peer("nltk")
    grammars = [text.grammar.match_grammar("reds", "blues"), text.grammar.match_grammar("blues", "reds")]
    lines = []
    for symbol in {s for g in grammars for s in g.rules}:
        for right in {tuple(r) for g in grammars for _, r in g.rules.get(symbol, ())}:
            lines.append(f"{symbol} -> " + " ".join(s if s in grammars[0].rules else f"'{s}'" for s in right))
    parser = nltk.ChartParser(nltk.CFG.fromstring("\n".join(sorted(lines, key=lambda line: not line.startswith("S ")))))

    def plain(tree):
        return tree if isinstance(tree, str) else (tree.label().partition("_")[0], *map(plain, tree))

    drawn, _ = text.matches(30, generator=torch.Generator().manual_seed(2))
    for tree in drawn:
        assert tree in [plain(parsed) for parsed in parser.parse(trees.leaves(tree))]


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:The multilingual functions")
@pytest.mark.skipif(not (WORDNET / "index.noun").is_file(), reason="needs WordNet: apt install wordnet-base")
def test_synonyms_are_nltks():
    reader = peer("nltk.corpus.reader.wordnet")
    peer("nltk.data").path.append(str(WORDNET.parent))

    class Files(reader.WordNetCorpusReader):
        """nltk's reader, with the one file that Debian leaves out."""

        def open(self, file):
            lines = "".join(f"{i:02d} none 1\n" for i in range(45))
            return io.StringIO(lines) if file == "lexnames" else super().open(file)

        def map_wn(self, version="wordnet"):
            return None

    theirs = Files(str(WORDNET), None)
    ours = text.WordNet(WORDNET, phrases=True)
    words = [
        "good",
        "film",
        "mice",
        "running",
        "better",
        "quickly",
        "was",
        "sears",
        "largest",
        "questions",
        "oxen",
        "flies",
        "left",
    ]
    for word in words:
        for pos, letter in (("noun", "n"), ("verb", "v"), ("adj", "a"), ("adv", "r")):
            names = {n.replace("_", " ").lower() for s in theirs.synsets(word, letter) for n in s.lemma_names()}
            assert set(ours.synonyms(word, pos)) == names - {word}, (word, pos)


@pytest.mark.slow
@pytest.mark.skipif(not (WORDNET / "index.noun").is_file(), reason="needs WordNet: apt install wordnet-base")
def test_installed_thesauri_know_common_words():
    assert {"movie", "picture"} <= set(text.WordNet().synonyms("films", "noun"))
    assert "big" in text.WordNet().synonyms("large", "adj")


@pytest.mark.slow
def test_apertium_comes_back_with_as_many_texts():
    try:
        there, back = text.Apertium("eng-spa"), text.Apertium("spa-eng")
    except ValueError as error:
        pytest.skip(str(error))
    batch = [text.tokenize(line) for line in ("How tall is the tower?", "I loved the film.", "")]
    changed = text.BackTranslation(there, back)(batch)
    assert len(changed) == 3
    assert changed[2] == []
    assert "film" in changed[1]
    with pytest.raises(ValueError, match="failed"):
        text.Apertium("eng-klingon")(["a"])


@pytest.mark.slow
@pytest.mark.skipif("LABKIT_DATA" not in os.environ, reason="needs LABKIT_DATA with text/TREC.train.all")
def test_real_questions_join_back():
    path = Path(os.environ["LABKIT_DATA"]) / "text" / "TREC.train.all"
    for line in path.read_text(encoding="latin-1").splitlines():
        assert text.join(text.tokenize(line)) == line
