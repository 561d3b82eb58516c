"""The panel of an explorer: widgets for the controls of a state, and for what its views show."""

import asyncio
import html
import threading
from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from typing import Any

import ipywidgets as widgets
from IPython.display import display
from traitlets import Unicode

from labkit.explore.base import Control, Renderable, State, View, controls, none, randomise, reset
from labkit.explore.svg import theme

# JupyterLab may handle the moves of widgets on threads of their own. One picture is drawn at a time: trainings fork
# the random numbers of the whole process.
DRAWING = threading.RLock()
PAUSE = 0.15  # seconds without a move after which what takes long is drawn
LEFT, LEAST, MOST = 288, 190, 250  # CSS pixels: the column of controls, and a view: a page 900 wide holds them
ROW, LABEL = 32, "98px"
MANY = 5  # ticks in a group from which on two stand in a row
# Boxes of widgets scroll by themselves where a letter is a pixel too wide.
FREE = {"overflow": "visible", "min_width": "0"}
VIEW = {"flex": f"1 1 {LEAST}px", "max_width": f"{MOST}px"} | FREE
WIDE = {"width": "100%"} | FREE
# JupyterLab's tabs and sliders leave more room around themselves than a panel of this size has, and its labels are cut
# off at their first line.
STYLE = f"""<style>
{theme()}
.labkit-explorer .widget-tab > .lm-TabBar .lm-TabBar-tab {{ flex: 1 1 auto; min-width: 0; padding: 0 6px; }}
.labkit-explorer .widget-tab > .widget-tab-contents {{ padding: 8px 2px; overflow: visible; }}
.labkit-explorer .widget-label, .labkit-explorer .widget-label-basic {{
  display: flex; align-items: center; justify-content: flex-end; height: auto; min-height: 28px;
  line-height: 1.15; white-space: normal; overflow: visible;
}}
.labkit-explorer .widget-label-basic {{ justify-content: flex-start; }}
.labkit-explorer .widget-readout {{ min-width: 46px; }}
.labkit-explorer .widget-image {{ border: 1px solid var(--jp-border-color2); box-sizing: border-box; margin: 0; }}
.labkit-explorer .jupyter-button {{ padding: 0 8px; flex: 0 0 auto; }}
.labkit-explorer table {{ border-spacing: 0; font-size: 12px; line-height: 1.45; }}
.labkit-explorer th, .labkit-explorer td {{ padding: 0 8px 0 0; text-align: left; vertical-align: top; }}
.labkit-explorer th:last-child, .labkit-explorer td:last-child {{ padding: 0; }}
</style>"""


def event_loop() -> asyncio.AbstractEventLoop | None:
    """The running event loop: a notebook's kernel has one, a script has none."""
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None


class Described(widgets.Image):
    """An image with a tooltip, which is its accessible name.

    The front end shows the tooltip of a widget only where that has an empty description, which an image lacks.
    """

    description = Unicode("").tag(sync=True)


class Explorer:
    """Sliders beside what they do. As the last value of a notebook's cell it shows itself.

    Args:
        state: where the controls begin.
        rows: views, row by row, to the right of the controls.
        below: views below everything.
        disabled: names of controls that have no effect in a state: they are greyed.

    Attributes:
        state: what the controls say now.
        widgets: the widget of each field; setting its ``value`` is what moving it by hand does.
    """

    def __init__(
        self,
        state: State,
        rows: Sequence[Sequence[View]],
        *,
        below: Sequence[View] = (),
        disabled: Callable[[Any], Collection[str]] = none,
    ) -> None:
        self.state = state
        self.disabled = disabled
        self.widgets = {name: widget(control, getattr(state, name)) for name, control in controls(state).items()}
        self.views = [(view, holder(view)) for row in [*rows, below] for view in row]
        self._moving = False
        self._changing = threading.RLock()
        self._later: asyncio.TimerHandle | None = None
        for name, control in self.widgets.items():
            control.observe(lambda change, name=name: self._moved(name, change["new"]), names="value")
        self.box = self._arrange(rows, below)
        self._refresh(wait=False)

    def set(self, state: State) -> None:
        """Go to ``state``: all controls move, and the views are drawn once."""
        with self._changing:
            self._moving = True
            try:
                for name, control in self.widgets.items():
                    control.value = getattr(state, name)
            finally:
                self._moving = False
            self.state = state
            self._forget()
        self._refresh()

    def draw(self) -> None:
        """Draw the controls at random, with the next seed."""
        self.set(randomise(self.state, seed=(self.state.seed + 1) % 10000))

    def reset(self) -> None:
        """Put everything but the menus above the panel back."""
        self.set(reset(self.state))

    def _moved(self, name: str, value: Any) -> None:
        with self._changing:
            if self._moving:
                return
            moved = replace(self.state, **{name: controls(self.state)[name].snap(value)})
            if moved == self.state:
                return
            self.state = moved
        self._redraw()

    def _redraw(self) -> None:
        """Draw now; what takes long only once the controls rest, so that no move has to wait for the one before."""
        self._forget()
        if any(view.wait(self.state) for view, _ in self.views) and (loop := event_loop()):
            self._refresh(wait=False)
            self._later = loop.call_later(PAUSE, self._refresh)
        else:
            self._refresh()

    def _forget(self) -> None:
        """Nothing is to be drawn later any more."""
        if self._later is not None:
            self._later.cancel()
            self._later = None

    def _refresh(self, *, wait: bool = True) -> None:
        """Draw every view; one that takes long says so first, or, without ``wait``, only says so.

        Where the state has moved on meanwhile, the rest is left to who moved it.
        """
        state = self.state
        disabled = set(self.disabled(state))
        for name, control in self.widgets.items():
            control.disabled = name in disabled
        for view, held in self.views:
            sentence = view.wait(state)
            if sentence:
                self._show(state, held, f'<div role="status" style="line-height: 1.5">{html.escape(sentence)}</div>')
            if wait or not sentence:
                with DRAWING:
                    if self.state is not state:
                        return
                    self._show(state, held, view.render(state))

    def _show(self, state: State, held: Any, shown: Renderable | str) -> None:
        """Fill a view, unless the state has moved on."""
        with self._changing:
            if self.state is state:
                fill(held, shown)

    def _arrange(self, rows: Sequence[Sequence[View]], below: Sequence[View]) -> Any:
        """Controls to the left, views to the right; on a narrow page the views go below."""
        place = {id(view): held for view, held in self.views}
        left = widgets.VBox([*self._above(), self._tabs(), self._buttons()], layout={"flex": f"0 0 {LEFT}px"} | FREE)
        right = [
            widgets.HBox([framed(p, place[id(p)], VIEW) for p in row], layout={"grid_gap": "12px"} | FREE)
            for row in rows
        ]
        stack = widgets.VBox(right, layout={"flex": f"1 1 {2 * LEAST}px", "grid_gap": "10px"} | FREE)
        across = widgets.HBox([left, stack], layout={"flex_flow": "row wrap", "grid_gap": "14px"} | FREE)
        box = widgets.VBox(
            [widgets.HTML(STYLE, layout={"display": "none"}), across, *(framed(p, place[id(p)], WIDE) for p in below)]
        )
        return box.add_class("labkit-explorer")

    def _above(self) -> list[Any]:
        return [self.widgets[n] for n, c in controls(self.state).items() if not c.group and n != "seed"]

    def _tabs(self) -> Any:
        """A tab for each group of controls."""
        groups = list(dict.fromkeys(c.group for c in controls(self.state).values() if c.group))
        rows = [self._rows([n for n, c in controls(self.state).items() if c.group == group]) for group in groups]
        # All as tall as the tallest: what stands below the tabs stays where it is.
        tallest = {"min_height": f"{ROW * max(map(len, rows))}px"}
        boxes = [widgets.VBox(children, layout=tallest) for children in rows]
        return widgets.Tab(boxes, titles=groups, selected_index=0, layout={"width": "auto"})

    def _rows(self, names: Sequence[str]) -> list[Any]:
        """The controls of a group, one a row; many ticks stand in pairs."""
        ticks = [name for name in names if controls(self.state)[name].kind == "switch"]
        if len(ticks) < MANY:
            return [self.widgets[name] for name in names]
        for name in ticks:
            self.widgets[name].indent = False
            self.widgets[name].layout.width = "50%"
        pairs = [widgets.HBox([self.widgets[name] for name in ticks[i : i + 2]]) for i in range(0, len(ticks), 2)]
        return [*(self.widgets[name] for name in names if name not in ticks), *pairs]

    def _buttons(self) -> Any:
        draw = widgets.Button(description="Draw at random", layout={"width": "auto"})
        back = widgets.Button(description="Reset", layout={"width": "auto"})
        draw.on_click(lambda _: self.draw())
        back.on_click(lambda _: self.reset())
        layout = {"flex_flow": "row wrap", "justify_content": "space-between"} | FREE
        return widgets.HBox([draw, back, self.widgets["seed"]], layout=layout)

    def __repr__(self) -> str:
        return f"Explorer({self.state})"

    def _ipython_display_(self) -> None:
        """Show the panel, then what takes long: the panel says meanwhile what it waits for."""
        display(self.box)
        self._refresh()


def widget(control: Control, value: Any) -> Any:
    """The widget of a control."""
    common: dict[str, Any] = {
        "value": value,
        "description": control.label,
        "tooltip": control.help or control.label,
        "style": {"description_width": LABEL},
        "layout": {"width": "auto"},
    }
    if control.kind == "choice":
        return widgets.Dropdown(options=control.options, **common)
    if control.kind == "switch":
        return widgets.Checkbox(indent=True, **common)
    if control.kind == "number":
        small = {"style": {"description_width": "32px"}, "layout": {"width": "86px"}}
        return widgets.BoundedIntText(min=int(control.low), max=int(control.high), **common | small)
    digits = max(0, len(f"{control.step:.10f}".rstrip("0").partition(".")[2]))
    span = {"min": control.low, "max": control.high, "step": control.step, "readout_format": f".{digits}f"}
    return widgets.FloatSlider(**common, **span)


def holder(view: View) -> Any:
    """The widget that holds a view. A picture has one whose image is exchanged in place, so that nothing flickers."""
    return widgets.HTML() if view.html else Described(format="png", layout={"width": "100%"})


def framed(view: View, held: Any, layout: dict[str, str]) -> Any:
    """A view below its title, if it has one."""
    style = "font-weight: 600; line-height: 1.6"
    title = [widgets.HTML(f'<div style="{style}">{html.escape(view.title)}</div>')] if view.title else []
    return widgets.VBox([*title, held], layout=layout)


def fill(held: Any, drawn: Any) -> None:
    """Show a picture with its description, or HTML, in the widget that holds the view."""
    if isinstance(drawn, str):
        held.value = drawn
    else:
        with held.hold_sync():
            held.value, held.tooltip = drawn.png(), drawn.alt
