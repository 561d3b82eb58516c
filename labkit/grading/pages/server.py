"""The formgrader's side: what its pages and the files beside a submission may do in an instructor's browser.

nbgrader has no settings for any of this, so its request handlers are changed where they are: by
``nbgrader_config.py``, in the server that has just loaded the formgrader, and in no other program.
"""

import base64
import hashlib
import html as entities
import mimetypes
import re
import sys
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from nbformat import v4

FORMGRADER = "nbgrader.server_extensions.formgrader.handlers"
SHOWN = {"image/png", "image/jpeg", "image/gif", "image/webp", "image/svg+xml"}  # what a link or <img> may open
FILE = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; sandbox"
NAMES = ("student", "last_name", "first_name", "notebook_path", "filename")
BREAKS_OUT = re.compile(r"[<>\"\\\x00-\x1f\u2028\u2029]")
SCRIPT = re.compile(r"<script\b(?P<attributes>[^>]*)>(?P<code>.*?)</script>", re.DOTALL | re.IGNORECASE)
HANDLER = re.compile(r"\son[a-z]+=(\"(?P<double>[^\"]*)\"|'(?P<single>[^']*)')", re.IGNORECASE)
NAVIGATED = ("document", "iframe", "frame")  # Sec-Fetch-Dest of a page that a person opens


def guard(folders: Iterable[str]) -> None:
    """Change the handlers of the formgrader that this process serves, if it does. Doing it twice does no harm.

    Args:
        folders: the names of the course's folders that hold what students handed in, or what was made of it.
    """
    handlers = sys.modules.get(FORMGRADER)
    if handlers is None or hasattr(handlers, "_labkit_guard"):
        return
    handlers._labkit_guard = True  # type: ignore[attr-defined]
    inside = frozenset(folders)
    submitted_pages(handlers)
    other_pages(handlers)
    configured(handlers, inside)
    beside_a_submission(handlers)
    jupyter_files(inside)
    kernels(inside)


def submitted_pages(handlers: Any) -> None:
    """The page of a submission: names are text, and scripts run only if they are the template's own."""
    base = handlers.BaseHandler
    exporter = base.exporter.fget

    class Careful:
        """An exporter that tells the browser what its page may run."""

        def __init__(self, handler: Any) -> None:
            self.handler, self.exporter = handler, exporter(handler)

        def from_filename(self, filename: str, resources: dict[str, Any]) -> Any:
            """A submission's page."""
            names = {key: entities.escape(str(value)) for key, value in resources.items() if key in NAMES and value}
            given = {**resources, **names}
            blank, _ = self.exporter.from_notebook_node(v4.new_notebook(), {**given, **dict.fromkeys(NAMES, "")})
            self.handler.set_header("Content-Security-Policy", policy(self.handler, blank))
            return self.exporter.from_filename(filename, resources=given)

    base.exporter = property(Careful)


def other_pages(handlers: Any) -> None:
    """The formgrader's lists: what stands in their addresses can't break out of the page, nor run in it."""
    base = handlers.BaseHandler
    render = base.render

    def careful(self: Any, name: str, **values: Any) -> str:
        given = {key: escaped(value) for key, value in values.items()}
        names = [str(value) for key, value in given.items() if key.endswith("_id")]
        if any(map(BREAKS_OUT.search, names)):
            raise handlers.web.HTTPError(404)
        page = str(render(self, name, **given))
        self.set_header("Content-Security-Policy", policy(self, page))
        return page

    base.render = careful


def escaped(value: Any) -> Any:
    """The texts of a mapping as HTML shows them; any other value as it is."""
    if not isinstance(value, Mapping):
        return value
    return {key: entities.escape(part) if isinstance(part, str) else part for key, part in value.items()}


def policy(handler: Any, page: str) -> str:
    """A content-security policy under which the scripts of ``page`` run, and those that come with the server."""
    own = [found["code"] for found in SCRIPT.finditer(page) if "src=" not in found["attributes"]]
    attributes = SCRIPT.sub("", page)
    own += [entities.unescape(found["double"] or found["single"] or "") for found in HANDLER.finditer(attributes)]
    hashes = " ".join(sorted({f"'sha256-{digest(code)}'" for code in own}))
    return (
        f"{handler.content_security_policy}; default-src 'none'; script-src 'self' 'unsafe-hashes' {hashes};"
        " style-src 'self' 'unsafe-inline'; img-src 'self' data:; font-src 'self' data:; connect-src 'self';"
        " base-uri 'none'; form-action 'none'"
    )


def digest(code: str) -> str:
    """What a policy knows a script by."""
    return base64.b64encode(hashlib.sha256(code.encode()).digest()).decode()


def configured(handlers: Any, inside: frozenset[str]) -> None:
    """``/formgrader?path=`` runs the settings of the course in that folder: not one that a student handed in."""
    get = handlers.FormgraderHandler.get

    def careful(self: Any) -> Any:
        path = self.get_argument("path", "")
        opened = self.request.headers.get("Sec-Fetch-Dest", "document") in NAVIGATED
        if path and not (opened and within(path, self.settings["nbgrader_formgrader"].root_dir, inside)):
            raise handlers.web.HTTPError(403, "this folder is no course")
        return get(self)

    handlers.FormgraderHandler.get = careful


def within(path: str, root: str, inside: frozenset[str]) -> bool:
    """Whether a folder lies in the server's, and not among what students handed in."""
    folder, above = Path(path).resolve(), Path(root).resolve()
    return folder.is_relative_to(above) and inside.isdisjoint(folder.relative_to(above).parts)


def beside_a_submission(handlers: Any) -> None:
    """Files of a submission: pictures are shown and run nothing, all else is a download."""
    files = handlers.SubmissionFilesHandler
    plain = handlers.BaseHandler.content_security_policy.fget

    def content_type(self: Any) -> str:
        kind = mimetypes.guess_type(self.absolute_path or "")[0]
        return kind if kind in SHOWN else "application/octet-stream"

    def headers(self: Any, path: str) -> None:
        if content_type(self) not in SHOWN:
            self.set_header("Content-Disposition", "attachment")

    files.content_security_policy = property(lambda self: f"{plain(self)}; {FILE}")
    files.get_content_type = content_type
    files.set_extra_headers = headers


def jupyter_files(inside: frozenset[str]) -> None:
    """Jupyter's own addresses of files: no script of a student's, not even in an origin of its own."""
    from jupyter_server.base.handlers import AuthenticatedFileHandler
    from jupyter_server.files.handlers import FilesHandler
    from jupyter_server.nbconvert.handlers import NbconvertFileHandler

    for handler in (AuthenticatedFileHandler, FilesHandler, NbconvertFileHandler):
        usual: Any = vars(handler)["content_security_policy"]
        setattr(handler, "content_security_policy", property(careful_of(usual.fget, inside)))  # noqa: B010  mypy's rule


def careful_of(usual: Callable[[Any], str], inside: frozenset[str]) -> Callable[[Any], str]:
    """A policy that is the usual one, but for the folders with what students handed in."""

    def given(self: Any) -> str:
        parts = unquote(self.request.path).split("/")
        before = usual(self)
        return before if inside.isdisjoint(parts) else f"{before.partition('; sandbox')[0]}; {FILE}"

    return given


def kernels(inside: frozenset[str]) -> None:
    """A kernel starts when a notebook is opened, in its folder, where Python looks for the program first: a student's
    ``ipykernel_launcher.py`` or ``pathlib.py`` would run. In the folders of what students handed in it looks
    elsewhere, so that nothing there is imported unless a cell asks for it."""
    from jupyter_server.services.sessions.sessionmanager import SessionManager

    usual: Any = SessionManager.get_kernel_env

    def careful(self: Any, path: str | None, name: Any = None) -> dict[str, str]:
        found: dict[str, str] = usual(self, path, name)
        return found if inside.isdisjoint(str(path).split("/")) else {**found, "PYTHONSAFEPATH": "1"}

    setattr(SessionManager, "get_kernel_env", careful)  # noqa: B010  mypy's rule
