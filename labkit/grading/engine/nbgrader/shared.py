"""One database engine for a whole run, and one transaction for a whole submission.

nbgrader opens its gradebook some fifteen times a submission, each time with a new SQLAlchemy engine that compiles
every query anew, and commits after every cell. Under ``Shared`` all of that goes through one engine; inside its
``transaction`` nothing is written before the end, so that a submission's marks appear together or not at all.
"""

import contextlib
from collections.abc import Iterator
from typing import Any

import nbgrader.api
from sqlalchemy import Connection, Engine
from sqlalchemy.orm import sessionmaker


class Shared:
    """While it is entered, every ``Gradebook`` of this process is one of its clients. Not for threads."""

    def __init__(self) -> None:
        self.engines: dict[str, Engine] = {}
        self.open: dict[Engine, Connection] | None = None

    def __enter__(self) -> "Shared":
        self.originals = nbgrader.api.create_engine, nbgrader.api.sessionmaker
        nbgrader.api.create_engine, nbgrader.api.sessionmaker = self.engine, self.sessions
        return self

    def __exit__(self, *_: object) -> None:
        nbgrader.api.create_engine, nbgrader.api.sessionmaker = self.originals
        for engine in self.engines.values():
            engine.dispose()

    def engine(self, url: Any, **options: Any) -> Engine:
        """The engine of a URL, made once."""
        if str(url) not in self.engines:
            self.engines[str(url)] = self.originals[0](url, **options)
        return self.engines[str(url)]

    def sessions(self, *, bind: Engine, **options: Any) -> "sessionmaker[Any]":
        """A maker of sessions; in a transaction their commits wait for its end."""
        if self.open is None:
            return sessionmaker(bind=bind, **options)
        if bind not in self.open:
            self.open[bind] = bind.connect()
            self.open[bind].begin()
        return sessionmaker(bind=self.open[bind], join_transaction_mode="rollback_only", **options)

    @contextlib.contextmanager
    def transaction(self) -> Iterator[None]:
        """All that is written inside becomes visible in the end, or nothing does."""
        self.open = {}
        try:
            yield
            for connection in self.open.values():
                connection.commit()
        finally:
            for connection in self.open.values():
                connection.close()
            self.open = None
