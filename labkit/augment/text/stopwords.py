"""Small words that carry the grammar of English, and the few of them that turn a sentence round.

They are listed here from the grammar's closed classes: articles, pronouns, prepositions, conjunctions, auxiliaries,
and some adverbs. They seldom have synonyms; those that a thesaurus lists mean something else.
"""

ARTICLES = "a an the this that these those some any each every all both either neither no"
PRONOUNS = """
    i me my mine myself you your yours yourself he him his himself she her hers herself it its itself we us our ours
    ourselves they them their theirs themselves who whom whose which what one someone anyone everyone nobody nothing
    something anything everything
"""
PREPOSITIONS = """
    of in on at by for with about against between into through during before after above below to from up down out
    off over under near since until without within upon across behind beyond
"""
CONJUNCTIONS = "and or but nor so yet if because although though while when where than as whether that unless"
AUXILIARIES = """
    am is are was were be been being have has had having do does did doing will would shall should can could may might
    must don't doesn't didn't isn't aren't wasn't weren't won't can't couldn't n't 's 're 've 'll 'd 'm
"""
ADVERBS = "not never no only very too just then there here how why again once also"
TURNING = """
    not never no nobody nothing neither nor without n't don't doesn't didn't isn't aren't wasn't weren't won't can't
    couldn't although though but
"""

STOP_WORDS = frozenset(" ".join((ARTICLES, PRONOUNS, PREPOSITIONS, CONJUNCTIONS, AUXILIARIES, ADVERBS)).split())
"""Words that synonym replacement and insertion leave alone unless they are asked not to."""

NEGATIONS = frozenset(TURNING.split())
"""Words that must not be lost where the label is an opinion: they turn it round, or say which clause counts."""
