"""JupyterLab in a headless Chromium, for the tests that use the course as a student does.

The server is started by ``labkit lab``, in a home without settings. Cells are run through JupyterLab's own commands
rather than by its menus: the outcome is the same, and a menu that opens a moment late is no failure of the course.
"""

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests import lab
from tests.lab import TOKEN

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
# A machine without a screen, a GPU or a network: Chromium is told not to look for them.
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
READY = "async () => (await window.jupyterapp.shell.currentWidget.context.sessionContext.ready, true)"


def chromium() -> str | None:
    """The path of the Chromium of this machine, if it has one."""
    return next((path for name in NAMES if (path := shutil.which(name))), None)


@contextmanager
def jupyterlab(course: Path, home: Path) -> Iterator[str]:
    """``labkit lab`` in a folder, for a person with this home; gives its address."""
    # The one thing a user has not: the page shows its application to the test, which runs commands by it.
    config = home / ".jupyter" / "jupyter_lab_config.json"
    config.parent.mkdir(parents=True)
    config.write_text(json.dumps({"LabApp": {"expose_app_in_browser": True}}))
    with lab.started(course, home) as url:
        yield url


running: list[Any] = []
"""The playwright of this process, while one runs: a second one beside it would be refused."""


@contextmanager
def driver() -> Iterator[Any]:
    """What starts browsers: the one that runs, or a new one."""
    from playwright.sync_api import sync_playwright

    if running:
        yield running[0]
        return
    with sync_playwright() as playwright:
        running.append(playwright)
        try:
            yield playwright
        finally:
            running.clear()


@contextmanager
def browser(*, width: int = 1100, height: int = 1000, scale: float = 1) -> Iterator[Any]:
    """A page of a headless Chromium."""
    with driver() as playwright:
        program = playwright.chromium.launch(executable_path=chromium(), args=list(FLAGS))
        try:
            context = program.new_context(
                viewport={"width": width, "height": height}, device_scale_factor=scale, locale="en-GB"
            )
            yield context.new_page()
        finally:
            program.close()


MISFITS = """panel => {
    const misfits = [], frame = panel.getBoundingClientRect(), words = e => (e.textContent || '').trim().slice(0, 30);
    const seen = e => e.getClientRects().length && getComputedStyle(e).visibility !== 'hidden';
    for (const e of [...panel.querySelectorAll('*')].filter(seen)) {
        const style = getComputedStyle(e), box = e.getBoundingClientRect();
        const clips = !e.closest('svg') && e.clientWidth && style.overflow !== 'visible';
        if (clips && (e.scrollWidth > e.clientWidth + 1 || e.scrollHeight > e.clientHeight + 1))
            misfits.push('cut off or scrolls: ' + words(e));
        if (box.left < frame.left - 1 || box.right > frame.right + 1) misfits.push('beside the panel: ' + words(e));
        const chart = e.tagName === 'text' && e.closest('svg').getBoundingClientRect();
        if (chart && (box.left < chart.left - 1 || box.right > chart.right + 1 || box.bottom > chart.bottom + 1))
            misfits.push('beside its chart: ' + words(e));
        if (chart && box.height < 11) misfits.push('too small: ' + words(e));
    }
    for (const chart of [...panel.querySelectorAll('svg')].filter(seen)) {
        const texts = [...chart.querySelectorAll('text')].filter(e => seen(e) && words(e));
        const boxes = texts.map(e => e.getBoundingClientRect());
        for (let i = 0; i < boxes.length; i++) for (let j = 0; j < i; j++) {
            const [a, b] = [boxes[i], boxes[j]];
            const across = Math.min(a.right, b.right) - Math.max(a.left, b.left);
            const down = Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top);
            const both = words(texts[j]) + ' | ' + words(texts[i]);
            if (across > 2 && down > 5) misfits.push('on top of each other: ' + both);
        }
    }
    return misfits;
}"""
CONTRASTS = """panel => {
    const parse = text => (text.match(/[\\d.]+/g) || []).map(Number);
    const over = ([r, g, b, a = 1], under) => [r, g, b].map((v, i) => a * v + (1 - a) * under[i]);
    const luminance = rgb => rgb.map(v => v / 255).map(v => v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
        .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
    const behind = e => {
        for (; e; e = e.parentElement) {
            const colour = parse(getComputedStyle(e).backgroundColor);
            if (colour.length === 3 || colour[3] === 1) return colour.slice(0, 3);
        }
        return [255, 255, 255];
    };
    const found = {};
    const words = 'svg text, .widget-html-content div, pre, pre span, td, th, label, [role=status], [role=status] *';
    for (const e of panel.querySelectorAll(words)) {
        const text = [...e.childNodes].filter(n => n.nodeType === 3).map(n => n.data).join('').trim();
        if (!text || !e.getClientRects().length) continue;
        const style = getComputedStyle(e), ground = behind(e);
        const colour = parse(e.tagName === 'text' ? style.fill : style.color);
        const alpha = (colour[3] ?? 1) * Number(style.opacity);
        const [a, b] = [luminance(over([...colour.slice(0, 3), alpha], ground)), luminance(ground)];
        found[text.slice(0, 30)] = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    }
    return found;
}"""


def misfits(panel: Any) -> list[str]:
    """What is cut off, scrolls, sticks out of the panel or of its chart, is too small or under other words."""
    return panel.evaluate(MISFITS)


def contrasts(panel: Any) -> dict[str, float]:
    """Of the words in an explorer or a verdict: the contrast with their ground, as WCAG 2 reckons it."""
    return panel.evaluate(CONTRASTS)


class Notebook:
    """A notebook that is open in the page, with its kernel ready."""

    def __init__(self, page: Any, url: str, path: str, *, seconds: float = 120) -> None:
        self.page = page
        page.set_default_timeout(seconds * 1000)
        page.goto(f"{url}/lab/tree/{path}?token={TOKEN}&reset")
        page.wait_for_selector(".jp-Notebook .jp-Cell")
        page.wait_for_function("() => window.jupyterapp.shell.currentWidget?.context?.sessionContext?.session?.kernel")
        page.evaluate(READY)

    def theme(self, name: str) -> None:
        """Change JupyterLab's theme: ``"JupyterLab Light"`` or ``"JupyterLab Dark"``."""
        command = "name => window.jupyterapp.commands.execute('apputils:change-theme', {theme: name})"
        self.page.evaluate(command, name)
        light = str(name.endswith("Light")).lower()
        self.page.wait_for_selector(f'body[data-jp-theme-light="{light}"]', state="attached")

    def run_all(self) -> None:
        """Run every cell, and wait for the last one."""
        self.page.evaluate("() => window.jupyterapp.commands.execute('notebook:run-all-cells')")

    def run(self, index: int) -> None:
        """Run one cell, and wait for it."""
        self.page.evaluate(
            """async index => {
                const notebook = window.jupyterapp.shell.currentWidget.content;
                notebook.activeCellIndex = index;
                notebook.deselectAll();
                await window.jupyterapp.commands.execute('notebook:run-cell');
            }""",
            index,
        )

    def write(self, index: int, source: str) -> None:
        """Put source into a cell, as typing does."""
        model = "window.jupyterapp.shell.currentWidget.content.model.cells.get(index).sharedModel.setSource(source)"
        self.page.evaluate(f"([index, source]) => {model}", [index, source])

    def save(self) -> None:
        """Save the notebook, with what its explorers show."""
        self.page.evaluate("() => window.jupyterapp.commands.execute('docmanager:save')")
        self.page.wait_for_function("() => !window.jupyterapp.shell.currentWidget.context.model.dirty")

    def shut_down(self) -> None:
        """End the kernel."""
        self.page.evaluate("() => window.jupyterapp.shell.currentWidget.context.sessionContext.shutdown()")

    def cells(self) -> list[dict[str, Any]]:
        """The cells as the file would have them."""
        return self.page.evaluate("() => window.jupyterapp.shell.currentWidget.content.model.toJSON().cells")

    def find(self, words: str) -> int:
        """The number of the first code cell whose source holds ``words``."""
        sources = [(i, "".join(cell["source"])) for i, cell in enumerate(self.cells()) if cell["cell_type"] == "code"]
        found = [i for i, source in sources if words in source]
        if not found:
            raise LookupError(f"no code cell holds {words!r}")
        return found[0]

    def errors(self) -> list[str]:
        """What went wrong, cell by cell."""
        outputs = [output for cell in self.cells() for output in cell.get("outputs", [])]
        return [f"{o['ename']}: {o['evalue']}" for o in outputs if o["output_type"] == "error"]

    def unrun(self) -> list[int]:
        """The code cells that have not been run."""
        return [
            i
            for i, cell in enumerate(self.cells())
            if cell["cell_type"] == "code" and "".join(cell["source"]).strip() and cell["execution_count"] is None
        ]

    def output(self, index: int) -> Any:
        """The part of the page that shows what a cell put out."""
        return self.page.locator(".jp-Notebook .jp-Cell").nth(index).locator(".jp-Cell-outputArea")
