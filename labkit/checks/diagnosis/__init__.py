"""The diagnosis: what given against expected shows over all cases, without knowing the exercise.

Each sign is a small function: evidence → the sentence that names what it sees, or "". A sign must fit every case, those
that came out right included. Signs are asked in the order below, after the exercise's own mistakes.
"""

from labkit.checks.diagnosis import arguments, batches, calls, forms, pictures, scales, sequences, tables
from labkit.checks.diagnosis.evidence import Evidence, Pair

SIGNS = (
    calls.first,
    tables.named,
    tables.indexed,
    tables.ordered,
    pictures.counted,
    pictures.written,
    sequences.keys,
    sequences.order,
    sequences.entries,
    sequences.text,
    forms.results_exchanged,
    forms.broadcast,
    forms.extra_dimension,
    forms.reduced,
    forms.rearranged,
    forms.length,
    forms.dimensions,
    arguments.handed_back,
    scales.cut_off,
    scales.opposite,
    arguments.exchanged,
    arguments.without_influence,
    scales.constant,
    arguments.transformed,
    scales.factor,
    scales.offset,
    scales.function,
    scales.inverse,
    scales.normalised,
    scales.nearly,
    batches.permuted,
    forms.turned,
    forms.shifted,
    batches.averaged,
    batches.first_only,
    batches.one_only,
    batches.border,
    arguments.drawn,
    batches.single_case,
)


PARTS = (tables.columns, pictures.drawn, sequences.values)
"""What an output is made of, where it is no array: the first part that is wrong is looked at by itself."""


def diagnose(evidence: Evidence) -> str:
    """The first sentence that fits, or ""."""
    for look in (evidence, *(part for parts in PARTS for part in parts(evidence))):
        if text := next((text for text in (sign(look) for sign in SIGNS) if text), ""):
            return text
    return ""


__all__ = ["SIGNS", "Evidence", "Pair", "diagnose"]
