"""Text: tokens that join back, plans that tags follow, draws against counts, trees against the grammar's own logic."""

import itertools
import pickle
from collections import Counter

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from labkit.augment import Compose, OneOf, Sometimes, text
from labkit.augment.text import edits, grammar, trees, typos
from labkit.augment.text.base import count
from labkit.data import simulate


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


LINE = "The plot, though silly (and long), isn't boring: we really loved it!"
WORDS = text.tokenize(LINE)
BATCH = [text.tokenize(t) for t in simulate.sentences(60, generator=seeded()).x] + [[], ["good"], ["?"], ["a", "."]]
EVERY = [
    text.SynonymReplacement(text.FILMS, alpha=0.3),
    text.RandomInsertion(text.FILMS, alpha=0.3),
    text.RandomSwap(alpha=0.3),
    text.RandomDeletion(p=0.3),
    text.WordShuffle(),
    text.WordShuffle(window=2),
    text.SentenceShuffle(),
    text.PunctuationInsertion(),
    text.Typos(p=0.5),
    text.WordDropout(p=0.3),
    text.eda(text.FILMS),
    Compose([text.RandomSwap(), text.RandomDeletion()]),
    Sometimes(text.WordShuffle(), 0.5),
]


class TestTokens:
    @pytest.mark.parametrize(
        "line",
        [
            LINE,
            "",
            "a",
            " two  blanks ",
            "tab\tand\nline",
            "(brackets) [and] {more}",
            "What 's the  time ?",
            "e.g. 3.5 % of $ 7",
            "“quotes” – dashes—and…",
            "na-ïve_ness Ünïcödé 中文 字",
            "''",
            "it's 'quoted' o'clock",
        ],
    )
    def test_a_text_comes_back_as_it_was(self, line):
        assert text.join(text.tokenize(line)) == (line if line.strip() else "")

    @given(st.text(max_size=40))
    def test_any_text_comes_back_as_it_was(self, line):
        assert text.join(text.tokenize(line)) == (line if line.strip() else "")

    def test_words_keep_their_apostrophes_and_marks_stand_alone(self):
        assert text.tokenize("Don't-know, isn't it? She said: 'no'.") == [
            "Don't-know",
            ",",
            "isn't",
            "it",
            "?",
            "She",
            "said",
            ":",
            "'",
            "no",
            "'",
            ".",
        ]

    def test_what_is_changed_is_joined_by_the_usual_rule(self):
        words = text.tokenize("Good ,  very good .")
        assert text.join(text.swap(words, [(0, 3)])) == "good,  very Good."
        assert text.join(text.insert(words, [(5, "indeed")])) == "Good ,  very good . indeed"
        assert text.join(["(", "a", ")", "$", "5", ",", "b"]) == "(a) $5, b"

    def test_a_token_is_a_str_and_survives_a_pickle(self):
        words = pickle.loads(pickle.dumps(text.tokenize("a  b ")))
        assert words == ["a", "b"]
        assert text.join(words) == "a  b "

    def test_bad_input_is_one_sentence(self, unchecked):
        with pytest.raises(ValueError, match="a text is a str; this is list"):
            text.tokenize(["a"])
        with pytest.raises(ValueError, match="split texts with `tokenize` first"):
            text.RandomSwap()(["a text"])
        with pytest.raises(ValueError, match="split texts with `tokenize` first"):
            text.RandomSwap()("a text")


class TestEdits:
    @given(st.integers(1, 9), st.data())
    def test_a_swap_is_what_a_slow_loop_makes(self, n, data):
        words = [f"w{i}" for i in range(n)]
        pairs = data.draw(st.lists(st.tuples(st.integers(0, n - 1), st.integers(0, n - 1)), max_size=4))
        slow = list(words)
        for i, j in pairs:
            keep = slow[i]
            slow[i] = slow[j]
            slow[j] = keep
        assert text.swap(words, pairs) == slow
        assert words == [f"w{i}" for i in range(n)]

    @given(st.integers(0, 7), st.data())
    def test_an_insertion_is_what_a_slow_loop_makes(self, n, data):
        words = [f"w{i}" for i in range(n)]
        new = data.draw(st.lists(st.tuples(st.integers(0, n), st.sampled_from("xyz")), max_size=4))
        slow = [piece for i in range(n + 1) for piece in [w for p, w in new if p == i] + words[i : i + 1]]
        assert text.insert(words, new) == slow

    def test_capitals_are_those_of_what_was_there(self):
        assert text.substitute(["Bad", "BAD", "bad", "I"], dict.fromkeys(range(4), "dull")) == [
            "Dull",
            "DULL",
            "dull",
            "Dull",
        ]

    def test_sentences_keep_their_marks(self):
        words = text.tokenize("Why?! I went. Then no stop")
        assert [[words[i] for i in part] for part in text.sentences_of(words)] == [
            ["Why", "?", "!"],
            ["I", "went", "."],
            ["Then", "no", "stop"],
        ]
        assert text.join(text.permute_sentences(words, [2, 0, 1])) == "Then no stop Why?! I went."
        assert text.sentences_of(["."]) == [[0]]
        assert text.sentences_of([]) == []

    def test_spans_follow_where_they_stay_whole(self):
        words = ["the", "very", "dull", "film"]
        plan = edits.swap_plan(4, [(0, 3)])
        assert text.rewrite(words, plan) == ["film", "very", "dull", "the"]
        assert text.move_spans([(1, 3), (0, 2), (3, 4)], plan) == [(1, 3), None, (0, 1)]
        assert text.move_spans([(0, 1)], [1, 2]) == [None]
        with pytest.raises(ValueError, match="a span is"):
            text.move_spans([(2, 2)], plan)

    def test_bad_places_are_refused(self):
        for call in (
            lambda: text.swap(["a"], [(0, 1)]),
            lambda: text.substitute(["a"], {1: "b"}),
            lambda: text.delete(["a"], [-1]),
            lambda: text.insert(["a"], [(2, "b")]),
        ):
            with pytest.raises(ValueError, match="there is no place"):
                call()
        with pytest.raises(ValueError, match="each of the 2 words once"):
            text.permute(["a", "b"], [0, 0])
        with pytest.raises(ValueError, match="each of the 1 sentences once"):
            text.permute_sentences(["a", "."], [1, 0])


@pytest.mark.parametrize("transform", EVERY, ids=repr)
class TestEveryTransform:
    def test_the_draw_is_the_generators_and_nothing_is_changed_in_place(self, transform):
        before = [list(words) for words in BATCH]
        first = transform(BATCH, generator=seeded(3))
        assert first == transform(BATCH, generator=seeded(3))
        assert before == BATCH
        torch.manual_seed(1)
        assert first == transform(BATCH, generator=seeded(3))
        if not isinstance(transform, text.SentenceShuffle):  # these have one sentence each
            assert first != transform(BATCH, generator=seeded(4))

    def test_tags_and_labels_follow(self, transform):
        tags = [[word.upper() for word in words] for words in BATCH]
        y = torch.arange(len(BATCH))
        result = transform(BATCH, tags=tags, y=y, generator=seeded(3))
        assert torch.equal(result.y, y)
        for words, own, old in zip(result.x, result.tags, BATCH, strict=True):
            assert len(words) == len(own)
            for word, tag in zip(words, own):
                if word in old and tag != "O":
                    assert tag == word.upper() or tag.lower() in old

    def test_a_draw_can_be_used_again(self, transform):
        params = transform.make_params(BATCH, generator=seeded(5))
        assert transform.apply(BATCH, params) == transform(BATCH, generator=seeded(5))
        assert transform.replay(BATCH, params, y=list(range(len(BATCH)))).x == transform.apply(BATCH, params)

    def test_a_sentence_never_becomes_empty_and_nothing_comes_of_nothing(self, transform):
        for seed in range(10):
            for old, new in zip(BATCH, transform(BATCH, generator=seeded(seed))):
                assert bool(old) == bool(new)
        assert transform([], generator=seeded()) == []


class TestSynonyms:
    def test_n_words_change_each_into_a_synonym_of_its_own(self):
        batch = [words for words in BATCH if len(words) > 3]
        for alpha in (0.0, 0.1, 0.34, 1.0):
            replace = text.SynonymReplacement(text.FILMS, alpha=alpha)
            for old, new in zip(batch, replace(batch, generator=seeded(1))):
                able = [i for i, w in enumerate(old) if text.FILMS.synonyms(w) and w.lower() not in text.STOP_WORDS]
                changed = [i for i, (a, b) in enumerate(zip(old, new, strict=True)) if a != b]
                assert len(changed) == min(len(able), max(1, int(alpha * sum(map(text.is_word, old)))))
                assert set(changed) <= set(able)
                assert all(new[i].lower() in text.FILMS.synonyms(old[i]) for i in changed)

    def test_a_word_that_comes_twice_is_replaced_at_one_place(self):
        new = text.SynonymReplacement(text.FILMS, alpha=0.1)(
            [["good", "film", ",", "good", "film"]], generator=seeded()
        )[0]
        assert sum(a != b for a, b in zip(new, ["good", "film", ",", "good", "film"])) == 1

    def test_every_place_and_synonym_has_its_turn(self):
        batch = [["boring", "film"]] * 3000
        seen = Counter(map(tuple, text.SynonymReplacement(text.FILMS)(batch, generator=seeded())))
        assert set(seen) == {
            ("dull", "film"),
            ("tedious", "film"),
            ("boring", "movie"),
            ("boring", "picture"),
            ("boring", "record"),
        }
        assert abs(seen["dull", "film"] / 3000 - 0.25) < 0.04
        assert abs(seen["boring", "movie"] / 3000 - 1 / 6) < 0.04

    def test_stop_words_stay_unless_they_are_asked_for(self):
        batch = [["we", "loved", "very", "much"]] * 50
        assert all(
            new[2] == "very" for new in text.SynonymReplacement(text.FILMS, alpha=1.0)(batch, generator=seeded())
        )
        free = text.SynonymReplacement(text.FILMS, alpha=1.0, stop=())(batch, generator=seeded())
        assert all(new[2] != "very" for new in free)

    def test_a_part_of_speech_keeps_other_senses_out(self):
        batch = [["the", "film", "was", "moving"]] * 200
        tags = {"film": "noun", "moving": "adj"}
        plain = text.SynonymReplacement(text.FILMS, alpha=1.0)(batch, generator=seeded())
        tagged = text.SynonymReplacement(text.FILMS, alpha=1.0, tagger=lambda ws: [tags.get(w) for w in ws])
        assert {new[3] for new in plain} == {"touching", "walking"}
        assert {new[3] for new in tagged(batch, generator=seeded())} == {"touching"}

    @pytest.mark.parametrize("transform", [text.SynonymReplacement, text.RandomInsertion])
    def test_there_is_an_end_where_no_word_has_a_synonym(self, transform):
        batch = [["xyzzy", "the", "of"], ["!"], []]
        assert transform(text.FILMS, alpha=1.0)(batch, generator=seeded()) == batch

    def test_an_insertion_adds_n_synonyms_and_keeps_the_order(self):
        batch = [words for words in BATCH if len(words) > 3]
        for old, new in zip(batch, text.RandomInsertion(text.FILMS, alpha=0.3)(batch, generator=seeded(2))):
            able = {s for w in old if w.lower() not in text.STOP_WORDS for s in text.FILMS.synonyms(w)}
            n = count(0.3, sum(map(text.is_word, old))) if able else 0
            assert len(new) == len(old) + n
            rest = iter(new)
            assert all(word in rest for word in old)
            assert sum((Counter(new) - Counter(old)).values()) == n
            assert set(Counter(new) - Counter(old)) <= able

    def test_an_insertion_reaches_the_beginning_and_the_end(self):
        new = text.RandomInsertion(text.FILMS)([["dull", "xyzzy"]] * 300, generator=seeded())
        places = Counter(next(i for i, w in enumerate(words) if w in ("boring", "tedious")) for words in new)
        assert set(places) == {0, 1, 2}
        assert min(places.values()) > 60


class TestWordTransforms:
    @pytest.mark.parametrize(
        ("alpha", "length", "n"),
        [(0.1, 5, 1), (0.1, 19, 1), (0.1, 20, 2), (0.3, 10, 3), (0.0, 4, 1), (1.0, 4, 4), (0.5, 0, 0), (0.7, 1, 1)],
    )
    def test_at_least_one_word_changes(self, alpha, length, n):
        assert count(alpha, length) == n

    def test_a_swap_takes_two_different_places_and_each_pair_alike(self):
        words = ["a", "b", "c", ","]
        seen = Counter(map(tuple, text.RandomSwap()([words] * 3000, generator=seeded())))
        assert set(seen) == {("b", "a", "c", ","), ("c", "b", "a", ","), ("a", "c", "b", ",")}
        assert all(abs(n / 3000 - 1 / 3) < 0.04 for n in seen.values())
        assert text.RandomSwap(alpha=1.0)([["one"], ["!"]], generator=seeded()) == [["one"], ["!"]]

    def test_a_deletion_keeps_each_word_with_its_probability(self):
        words = [f"w{i}" for i in range(10)] + ["."]
        new = text.RandomDeletion(p=0.3)([words] * 2000, generator=seeded())
        kept = Counter(word for line in new for word in line)
        assert all(abs(kept[word] / 2000 - 0.7) < 0.05 for word in words[:-1])
        assert kept["."] == 2000
        lengths = Counter(len(line) - 1 for line in new)
        for k in (5, 7, 9):
            binomial = torch.distributions.Binomial(10, torch.tensor(0.7)).log_prob(torch.tensor(float(k))).exp()
            assert abs(lengths[k] / 2000 - float(binomial)) < 0.04

    def test_what_turns_a_sentence_round_can_be_protected(self):
        batch = [["this", "is", "not", "good"]] * 100
        new = text.RandomDeletion(p=0.9, protect=text.NEGATIONS)(batch, generator=seeded())
        assert all("not" in line for line in new)
        assert any("not" not in line for line in text.RandomDeletion(p=0.9)(batch, generator=seeded()))

    def test_where_all_would_go_each_word_may_stay(self):
        new = text.RandomDeletion(p=1.0)([["a", "b", "c"]] * 300, generator=seeded())
        assert all(len(line) == 1 for line in new)
        assert {line[0] for line in new} == {"a", "b", "c"}

    def test_a_shuffle_reaches_every_order_and_marks_stay(self):
        seen = Counter(map(tuple, text.WordShuffle()([["a", ",", "b", "c"]] * 3000, generator=seeded())))
        assert len(seen) == 6
        assert all(order[1] == "," for order in seen)
        assert all(abs(n / 3000 - 1 / 6) < 0.04 for n in seen.values())

    @pytest.mark.parametrize("window", [1, 3])
    def test_a_window_bounds_how_far_a_word_moves(self, window):
        words = [str(i) for i in range(30)]
        moves = [
            abs(int(word) - k)
            for line in text.WordShuffle(window=window)([words] * 50, generator=seeded())
            for k, word in enumerate(line)
        ]
        assert max(moves) == window

    def test_sentences_change_places_as_a_whole(self):
        words = text.tokenize("I came. I saw? I won!")
        seen = {text.join(line) for line in text.SentenceShuffle()([words] * 200, generator=seeded())}
        parts = ["I came.", "I saw?", "I won!"]
        assert seen == {" ".join(order) for order in itertools.permutations(parts)}

    def test_marks_come_between_words_that_all_stay(self):
        words = [f"w{i}" for i in range(9)]
        added = Counter()
        for line in text.PunctuationInsertion()([words] * 300, generator=seeded()):
            assert [w for w in line if text.is_word(w)] == words
            added[len(line) - 9] += 1
        assert set(added) == {1, 2, 3}

    def test_gaps_stand_where_words_stood(self):
        new = text.WordDropout(p=0.5)([["a", "b", "!"]] * 200, generator=seeded())
        assert {tuple(line) for line in new} == {(a, b, "!") for a in ("a", "<unk>") for b in ("b", "<unk>")}

    def test_typing_errors_leave_the_first_letter_and_short_words(self):
        for line in text.Typos(p=1.0)([["Wonderful", "film", "the", "1999", "x-y"]] * 100, generator=seeded()):
            assert line[0] != "Wonderful"
            assert line[0][0] == "W"
            assert line[2:] == ["the", "1999", "x-y"]

    def test_errors_are_one_edit_away(self):
        def distance(a, b):
            """Damerau's distance (optimal string alignment), by its recursion."""
            d = {(i, -1): i + 1 for i in range(-1, len(a))} | {(-1, j): j + 1 for j in range(-1, len(b))}
            for i, j in itertools.product(range(len(a)), range(len(b))):
                d[i, j] = min(d[i - 1, j] + 1, d[i, j - 1] + 1, d[i - 1, j - 1] + (a[i] != b[j]))
                if i and j and a[i] == b[j - 1] and a[i - 1] == b[j]:
                    d[i, j] = min(d[i, j], d[i - 2, j - 2] + 1)
            return d[len(a) - 1, len(b) - 1]

        for kind, place, key in itertools.product(typos.KINDS, range(1, 6), range(4)):
            wrong = text.mistype("quickly", place=place, kind=kind, key=key)
            assert wrong[0] == "q"
            assert distance("quickly", wrong) == 1

    def test_neighbours_are_mutual_and_near(self):
        assert typos.NEIGHBOURS["g"] == "bfhtvy"
        for key, near in typos.NEIGHBOURS.items():
            assert key not in near
            assert all(key in typos.NEIGHBOURS[other] for other in near)

    @pytest.mark.parametrize(
        "make",
        [
            lambda: text.RandomSwap(alpha=1.5),
            lambda: text.RandomDeletion(p=-0.1),
            lambda: text.WordShuffle(window=0),
            lambda: text.PunctuationInsertion(marks=()),
            lambda: text.Typos(p=2.0),
            lambda: text.Typos(shortest=2),
            lambda: text.WordDropout(p=3.0),
            lambda: text.SynonymReplacement(text.FILMS, alpha=-1.0),
            lambda: text.PunctuationInsertion(share=2.0),
            lambda: text.mistype("film", place=0, kind="lost"),
            lambda: text.mistype("film", place=1, kind="burnt"),
            lambda: text.mistype("film", place=3, kind="exchange"),
        ],
    )
    def test_knobs_out_of_range_are_refused(self, make, unchecked):
        with pytest.raises(ValueError, match="expected"):
            make()

    def test_tags_must_fit(self):
        with pytest.raises(ValueError, match="there are 1 tags for 2 tokens"):
            text.RandomSwap()([["a", "b"]], tags=[["X"]], generator=seeded())
        with pytest.raises(ValueError, match="knows no annotation 'tags'"):
            text.BackTranslation(list, list)([["a"]], tags=[["X"]])

    def test_copies_are_draws_of_their_own_with_the_right_labels(self):
        x, y = text.with_copies(BATCH, torch.arange(len(BATCH)), text.RandomSwap(), copies=3, generator=seeded())
        assert len(x) == len(y) == 4 * len(BATCH)
        assert x[: len(BATCH)] == BATCH
        assert x[len(BATCH) : 2 * len(BATCH)] != x[2 * len(BATCH) : 3 * len(BATCH)]
        assert all(sorted(words) == sorted(BATCH[int(i)]) for words, i in zip(x, y))
        with pytest.raises(ValueError, match="one each"):
            text.with_copies(BATCH, torch.arange(3), text.RandomSwap(), copies=1)
        with pytest.raises(ValueError, match="copies is -1"):
            text.with_copies([["a"]], torch.arange(1), text.RandomSwap(), copies=-1)


class TestTrees:
    TREES, WINS = text.matches(120, generator=seeded(1))

    def test_the_grammar_is_heard_right(self):
        assert [text.winner(trees.leaves(t)) for t in self.TREES] == self.WINS.tolist()
        assert 40 < int(self.WINS.sum()) < 80

    @pytest.mark.parametrize("move", [text.passive, text.front, text.swap_conjuncts])
    def test_no_move_changes_who_wins(self, move):
        moved = [(move(t), y) for t, y in zip(self.TREES, self.WINS.tolist())]
        applied = [(t, y) for t, y in moved if t is not None]
        assert len(applied) > 20
        assert all(text.winner(trees.leaves(t)) == y for t, y in applied)
        again = [(text.passive(t), y) for t, y in applied if text.passive(t) is not None]
        assert all(text.winner(trees.leaves(t)) == y for t, y in again)

    def test_moves_use_the_same_words_or_the_passives(self):
        for tree in self.TREES:
            for move in (text.front, text.swap_conjuncts):
                moved = move(tree)
                if moved is not None:
                    assert sorted(w for w in trees.leaves(moved) if w != ",") == sorted(trees.leaves(tree))
            turned = text.passive(tree)
            extra = Counter(trees.leaves(turned)) - Counter(trees.leaves(tree))
            assert extra["by"] == 1

    def test_the_active_undoes_the_passive(self):
        assert all(text.active(text.passive(t)) == t for t in self.TREES)
        assert all(text.active(t) is None for t in self.TREES)

    def test_a_swap_of_the_teams_changes_who_wins(self):
        for tree, y in zip(self.TREES, self.WINS.tolist()):
            words = trees.leaves(tree)
            turned = text.swap(words, [(words.index("reds"), words.index("blues"))])
            assert text.winner(turned) == 1 - y

    def test_brackets_are_read_and_refused(self):
        tree = self.TREES[0]

        def brackets(t):
            return t if isinstance(t, str) else f"({t[0]} {' '.join(map(brackets, t[1:]))})"

        assert text.read_tree(brackets(tree)) == tree
        for bad in ("", "(S a", "S a)", "(S a) (S b)", "word", "()"):
            with pytest.raises(ValueError, match="brackets"):
                text.read_tree(bad)
        with pytest.raises(ValueError, match="a tree is a tuple"):
            trees.leaves(())

    def test_conjuncts_swap_at_every_depth(self):
        tree = text.read_tree("(NP (NP (JJ old) (CC and) (JJ slow)) (CC or) (NP x))")
        assert trees.leaves(text.swap_conjuncts(tree)) == ["x", "or", "slow", "and", "old"]
        assert text.swap_conjuncts(text.read_tree("(NP (JJ old) (CC and) (NN x))")) is None

    def test_dependencies_are_cropped_and_rotated(self):
        words, heads = ["yesterday", "my", "friends", "loved", "the", "film"], [3, 2, 3, -1, 5, 3]
        assert text.crop(words, heads, keep=[1, 2]) == words[1:]
        assert text.crop(words, heads, keep=[]) == ["loved"]
        assert text.rotate(words, heads, order=[0, 1, 2]) == words
        assert text.rotate(words, heads, order=[2, 0, 1]) == ["the", "film", "yesterday", "loved", "my", "friends"]
        for bad in ([1, 0, -1, 2, 2, 2], [-1, -1, 0, 0, 0, 0], [9, 0, -1, 2, 2, 2], [0, 0, 1, 1, 1, 1]):
            with pytest.raises(ValueError, match="head"):
                text.crop(words, bad, keep=[])
        with pytest.raises(ValueError, match="each of the 3 fragments once"):
            text.rotate(words, heads, order=[0, 0, 1])

    def test_a_grammars_weights_are_its_probabilities_and_it_ends(self):
        coin = text.Grammar({"S": [(3, ["a"]), (1, ["b"])]})
        drawn = Counter(trees.leaves(t)[0] for t in coin.sample(2000, generator=seeded()))
        assert abs(drawn["a"] / 2000 - 0.75) < 0.04
        with pytest.raises(ValueError, match="deeper"):
            text.Grammar({"S": [(1, ["S", "a"])]}).sample(1)
        with pytest.raises(ValueError, match="no rule for 'T'"):
            text.Grammar({"S": [(1, ["a"])]}, start="T")
        with pytest.raises(ValueError, match="weight"):
            text.Grammar({"S": [(0, ["a"])]})
        with pytest.raises(ValueError, match="at least one"):
            text.matches(0)
        with pytest.raises(ValueError, match="number of sentences"):
            coin.sample(-1)

    @pytest.mark.parametrize("line", ["the reds sleep", "reds beat reds", "beat the reds the blues", ""])
    def test_the_oracle_refuses_what_says_nothing(self, line):
        with pytest.raises(ValueError, match="does not say who wins"):
            grammar.winner(line.split())


class TestThesauri:
    def test_neighbours_are_those_of_a_slow_loop_and_hold_antonyms(self):
        vectors = torch.randn(20, 6, generator=seeded())
        names = [f"w{i}" for i in range(20)]
        for i, name in enumerate(names):
            cosines = [float(torch.cosine_similarity(vectors[i], v, dim=0)) for v in vectors]
            order = sorted((j for j in range(20) if j != i), key=lambda j: -cosines[j])
            best = [names[j] for j in order[:3] if cosines[j] >= 0.2]
            assert list(text.Vectors(names, vectors, k=3, least=0.2).synonyms(name)) == best
        assert text.Vectors(names, vectors).synonyms("nothing") == ()
        with pytest.raises(ValueError, match="one a word"):
            text.Vectors(["a"], vectors)

    def test_a_part_of_speech_that_does_not_exist_is_refused(self):
        for call in (
            lambda: text.FILMS.synonyms("film", "adjective"),
            lambda: text.Dictionary.of_groups([("nuon", ("a",))]),
        ):
            with pytest.raises(ValueError, match="expected one of noun"):
                call()

    def test_wordnets_files_are_read(self, tmp_path):
        data = b"  1 a licence\n00000014 06 n 02 film 0 movie 0 000 | gloss\n"
        data += b"00000060 06 n 03 film 0 thin_film 1 Layer(a) 0 000 | x\n"
        first, second = data.index(b"00000014"), data.index(b"00000060")
        for pos in ("noun", "verb", "adj", "adv"):
            (tmp_path / f"data.{pos}").write_bytes(data if pos == "noun" else b"")
            lines = f"  1 a licence\nfilm n 2 1 @ 2 1 {first:08d} {second:08d}  \nmouse n 1 0 1 0 {first:08d}  \n"
            (tmp_path / f"index.{pos}").write_text(lines if pos == "noun" else "")
        (tmp_path / "noun.exc").write_text("mice mouse\n")
        net = text.WordNet(tmp_path)
        assert net.synonyms("Film") == ("movie", "layer")
        assert net.synonyms("films", "noun") == ("film", "movie", "layer")
        assert net.synonyms("mice") == ("film", "movie")
        assert net.synonyms("film", "verb") == net.synonyms("nothing") == ()
        assert text.WordNet(tmp_path, phrases=True).synonyms("film") == ("movie", "thin film", "layer")
        with pytest.raises(ValueError, match="apt install wordnet-base"):
            text.WordNet(tmp_path / "nowhere")
        with pytest.raises(ValueError, match="expected one of noun"):
            net.synonyms("film", "adjective")

    def test_mythes_is_read(self, tmp_path):
        path = tmp_path / "th.dat"
        path.write_text(
            "UTF-8\nlarge|2\n(adj)|big|ample (similar term)|small (antonym)\n(noun)|size L|Great\nnext|1\n(adv)|then\n"
        )
        thesaurus = text.MyThes(path)
        assert thesaurus.synonyms("Large") == ("big", "great")
        assert thesaurus.synonyms("large", "adj") == ("big",)
        assert text.MyThes(path, relations=("similar term",)).synonyms("large", "adj") == ("big", "ample")
        assert text.MyThes(path, phrases=True).synonyms("large", "noun") == ("size l", "great")
        assert thesaurus.synonyms("next") == ("then",)
        with pytest.raises(ValueError, match="apt install mythes-en-us"):
            text.MyThes(tmp_path / "nowhere.dat")


class TestTranslation:
    def test_any_two_functions_translate_and_the_draw_holds_what_they_gave(self):
        calls = []

        def there(texts):
            calls.append(texts)
            return [t[::-1] for t in texts]

        back = text.BackTranslation(there, lambda texts: [t[::-1].upper() for t in texts])
        params = back.make_params(BATCH)
        assert back.apply(BATCH, params)[0] == [w.upper() for w in BATCH[0]]
        assert back.replay(BATCH, params, y=list(range(len(BATCH)))).y[5] == 5
        assert len(calls) == 1
        with pytest.raises(ValueError, match="1 texts became 2"):
            text.BackTranslation(lambda texts: texts * 2, list)([["a"]])
        assert back([]) == []

    def test_a_glossary_goes_to_one_and_comes_back_to_many(self):
        foreign = text.GERMAN(["The plot was very good.", "Truly great story"])
        assert foreign == ["The Geschichte was sehr gut.", "Sehr großartig Geschichte"]
        back = {text.GERMAN.back(seeded(s))(foreign[:1])[0] for s in range(40)}
        words = {w for line in back for w in text.tokenize(line)}
        assert {"story", "plot", "very", "truly", "good", "fine"} <= words
        assert text.GERMAN.back()(foreign) == text.GERMAN.back()(foreign)

    def test_apertium_is_asked_for_where_it_is_missing(self, monkeypatch):
        monkeypatch.setenv("PATH", "")
        with pytest.raises(ValueError, match="apt install apertium"):
            text.Apertium("eng-spa")

    def test_chrf_is_one_for_the_same_and_counts_blanks_for_nothing(self):
        assert text.chrf("a b c", "abc") == 1.0
        assert text.chrf("", "") == 1.0
        assert text.chrf("", "a") == 0.0
        assert text.chrf("good film", "good movie") > text.chrf("bad film", "good movie")
        for bad in ({"order": 0}, {"beta": 0.0}):
            with pytest.raises(ValueError, match="order is"):
                text.chrf("a", "b", **bad)
        with pytest.raises(ValueError, match="pairs"):
            text.share_unchanged(["a"], [])


class TestClassifiers:
    def test_a_bag_does_not_see_the_order_and_a_convolution_does(self, device):
        vocabulary = text.Vocabulary(BATCH)
        x = vocabulary.encode([words for words in BATCH if len(words) > 5]).to(device)
        turned = x.flip(1)
        bag, cnn = text.BagOfWords(len(vocabulary), 3).to(device), text.WordCNN(len(vocabulary), 3).to(device).eval()
        torch.nn.init.normal_(bag.weights.weight)
        assert bag(x).shape == cnn(x).shape == (len(x), 3)
        assert torch.allclose(bag(x), bag(turned), atol=1e-5)
        assert not torch.allclose(cnn(x), cnn(turned), atol=1e-3)

    def test_a_bag_is_a_sum_of_weights(self):
        vocabulary = text.Vocabulary([["a", "b", "A"]])
        assert vocabulary.numbers == {"a": 2, "b": 3}
        bag = text.BagOfWords(len(vocabulary), 2)
        torch.nn.init.normal_(bag.weights.weight, generator=seeded())
        w = bag.weights.weight
        assert torch.allclose(
            bag(vocabulary.encode([["a", "c"], ["b", "b", "A"]])), torch.stack([w[2] + w[1], 2 * w[3] + w[2]])
        )

    def test_padding_changes_nothing(self):
        x = torch.tensor([[2, 3, 4]])
        cnn = text.WordCNN(6, 2).eval()
        longer = torch.nn.functional.pad(x, (0, 4))
        assert torch.allclose(cnn(x), cnn(longer), atol=1e-6)

    def test_rare_words_are_left_out_and_nothing_has_a_shape(self):
        assert len(text.Vocabulary([["a", "a", "b"]], least=2)) == 3
        assert text.Vocabulary([]).encode([]).shape == (0, 0)
        assert text.Vocabulary([]).encode([[], []]).shape == (2, 0)


def test_a_pipeline_of_text_picks_for_each_sentence():
    mixed = OneOf([text.WordDropout(p=1.0, unknown="_"), text.RandomDeletion(p=0.0)])
    new = mixed([["a", "b"]] * 200, generator=seeded())
    share = sum(line == ["_", "_"] for line in new) / 200
    assert 0.35 < share < 0.65
