"""An explorer as a page without a kernel can show it: a recorded strip of some of its states.

Each state is one that a reader reaches with the controls. Radio buttons choose among them, by CSS alone.
"""

import base64
import html
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from IPython.display import HTML, display

from labkit.explore.base import State, View, controls
from labkit.explore.panel import Explorer

# The settings of each explorer that a page shows after the one it opens with.
SETTINGS: dict[str, tuple[Mapping[str, Any], ...]] = {
    "images": ({"degrees": 40}, {"degrees": 40, "contrast": 0.4}, {"noise": 0.3, "hole": 30}),
    "mixing": ({"lambda_": 0.9}, {"method": "CutMix", "lambda_": 0.75}, {"alpha": 8, "wrong": 0.3}),
    "selftrain": ({"round": 5}, {"round": 20}, {"round": 20, "rule": "the q surest of each class"}),
    "attacks": ({"attack": "random signs", "eps": 0.2}, {"eps": 0.2}, {"eps": 0.2, "lesson": "digits attacked by PGD"}),
    "text": ({"operation": "swap"}, {"operation": "deletion"}, {"operation": "typing errors"}),
    "audio": ({"semitones": 7}, {"tempo": 1.5}, {"alpha": 1.25, "snr": 10}),
    "video": ({"lost": 0.5}, {"speed": 2}, {"reverse": True}),
    "series": ({"strength": 0.8}, {"transform": "sensor turned"}, {"transform": "noise"}),
    "medical": ({"in_gamma": 2}, {"out_bias": 0.8, "out_noise": 0.1}, {"in_right": 6, "in_down": -4}),
    "learned": ({"updates": 0}, {"updates": 200}, {"updates": 200, "entropy": 1.0}),
    "style": ({"style": "galaxies"}, {"strength": 4}, {"method": "colour transfer"}),
    "gan": ({"t": 0.5}, {"t": 1}, {"model": "handwritten digits", "kind": 3}),
    "refine": ({"strength": "λ = 0"}, {"strength": "λ = 10"}, {"yaw": -20, "pitch": 10}),
    "finetune": ({"depth": 4}, {"depth": 4, "examples": "100"}, {"task": "patches of photographs (different)"}),
    "transfer": ({"pairs": 50}, {"pairs": 50, "look": "CSLS"}, {"pairs": 16, "rounds": 5}),
    "domain": ({"lambda_": 1}, {"lambda_": 3}, {"lambda_": 1, "rotation": 60}),
    "fair": ({"lambda_": 1}, {"lambda_": 3}, {"lambda_": 3, "criterion": "opportunity"}),
    "linkage": ({"films": 4}, {"films": 8}, {"films": 8, "stars": 2, "undated": True}),
    "membership": ({"epochs": 80}, {"noise": 0.3}, {"attack": "likelihood ratio (LiRA)", "axes": "logarithmic"}),
    "dti": ({"time": 0}, {"time": 6}, {"lesson": "none: k-means"}),
}


def install() -> None:
    """From here on an explorer shows itself as a strip."""
    Explorer._ipython_display_ = show  # type: ignore[method-assign, assignment]


def show(explorer: Explorer) -> None:
    """Display the strip of an explorer."""
    key = type(explorer.state).__module__.rpartition("._")[2]
    display(HTML(strip(explorer, SETTINGS[key], name=key)))


def strip(explorer: Explorer, settings: Sequence[Mapping[str, Any]], *, name: str) -> str:
    """The explorer's first state and those that differ from it in ``settings``, as HTML.

    Raises:
        ValueError: if a setting lies outside its control.
    """
    states = [explorer.state, *(replace(explorer.state, **changes) for changes in settings)]
    words = [caption(explorer.state, changes) for changes in ({}, *settings)]
    radios = "".join(
        f'<input type="radio" name="{name}" id="{name}-{i}"{"" if i else " checked"}>'
        f'<label for="{name}-{i}">{html.escape(word)}</label>'
        for i, word in enumerate(words)
    )
    views = [view for view, _ in explorer.views]
    panels = "".join(f'<div class="panel">{"".join(figure(v, state) for v in views)}</div>' for state in states)
    note = f"{len(states)} settings of this explorer. In JupyterLab it has controls for {listed(explorer.state)}."
    return (
        f'<div class="labkit-explorer recorded"><p class="note">{html.escape(note)}</p>'
        f'<fieldset><legend>Setting</legend>{radios}<div class="panels">{panels}</div></fieldset></div>'
    )


def figure(view: View, state: State) -> str:
    """One view of a state below its title."""
    shown = view.render(state)
    if not isinstance(shown, str):
        source = base64.b64encode(shown.png()).decode("ascii")
        shown = f'<img alt="{html.escape(shown.alt, quote=True)}" src="data:image/png;base64,{source}">'
    return f"<figure><figcaption>{html.escape(view.title)}</figcaption>{shown}</figure>"


def caption(first: State, changes: Mapping[str, Any]) -> str:
    """What is set differently, in the words of the controls."""
    if not changes:
        return "as it opens"
    return ", ".join(phrase(controls(first)[name].label, value) for name, value in changes.items())


def phrase(label: str, value: Any) -> str:
    """A control and where it stands."""
    return label if value is True else f"{label}: {value:g}" if isinstance(value, int | float) else f"{label}: {value}"


def listed(state: State) -> str:
    """The names of the controls, as a phrase."""
    labels = [control.label for name, control in controls(state).items() if name != "seed"]
    return ", ".join(labels[:-1]) + " and " + labels[-1]
