"""The database as the edges see it: `await db.write(use_case, …)`, `await db.read(query, …)`."""

from __future__ import annotations

import contextlib
import logging
import sqlite3
import threading
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any, Concatenate, ParamSpec, TypeVar

import sqlalchemy as sa

from staycalm.core.errors import Invalid, Unavailable
from staycalm.core.events import Event, Recorded
from staycalm.kit.clock import Clock
from staycalm.kit.database.connect import is_sqlite, open_postgres, open_sqlite
from staycalm.kit.database.executors import Answer, Executor, InlineExecutor, ThreadPool, WriterThread
from staycalm.kit.database.transaction import ReadTx, Subscriptions, Tx
from staycalm.kit.ids import Ids

P = ParamSpec("P")
R = TypeVar("R")
CommitListener = Callable[[Sequence[Recorded[Event]]], None]
DEADLOCK_CODES = ("40001", "40P01")
LOST_RACE_CODE = "23505"
ATTEMPTS = 4
READERS = 4
OUTAGES = (sa.exc.OperationalError, sa.exc.InterfaceError, sa.exc.TimeoutError)
"""What says nothing about the statement: no answer, no disk, no free connection."""

UNSTORABLE = (sa.exc.DataError, OverflowError, UnicodeEncodeError)
"""What says that a value is none for this database: a NUL byte, a number too large, a lone surrogate."""

logger = logging.getLogger("staycalm.database")


def no_subscriptions(_name: str) -> Sequence[tuple[str, int]]:
    """Nobody listens: what a database has until `app/wiring.py` says otherwise."""
    return ()


class Database:
    """One database. `write` answers after the commit; `read` never begins a write.

    A use case that raises leaves nothing behind. A database that does not answer raises Unavailable.
    """

    def __init__(
        self,
        url: str,
        clock: Clock,
        ids: Ids,
        *,
        inline: bool = False,
        threads: int = 8,
        busy_timeout_ms: int = 5000,
    ) -> None:
        self.url = url
        self.clock = clock
        self.ids = ids
        self.is_sqlite = is_sqlite(url)
        self.subscriptions: Subscriptions = no_subscriptions
        self.commit_listeners: list[CommitListener] = []
        self._lock = threading.RLock()
        if self.is_sqlite:
            self.engine = open_sqlite(url, is_writer=True, busy_timeout_ms=busy_timeout_ms)
            in_memory = url in ("sqlite://", "sqlite:///:memory:")
            self._read_engine = self.engine if in_memory else open_sqlite(url, is_writer=False)
            self._readers = threading.local()
        else:
            self.engine = self._read_engine = open_postgres(url, pool_size=threads + READERS + 2)
        self._writer: Executor
        self._reader: Executor
        if inline:
            self._writer = InlineExecutor(self._write_batch)
            self._reader = InlineExecutor(lambda works: [self._answer(self._read_one, w) for w in works])
        elif self.is_sqlite:
            self._writer = WriterThread(self._write_batch)
            self._reader = ThreadPool(self._read_one, READERS, "database-reader")
        else:
            self._writer = ThreadPool(self._write_one, threads, "database-writer")
            self._reader = ThreadPool(self._read_one, READERS, "database-reader")

    @property
    def reading_engine(self) -> sa.Engine:
        """The engine whose transactions begin without taking the write lock."""
        return self._read_engine

    async def write(self, use_case: Callable[Concatenate[Tx, P], R], /, *args: P.args, **kwargs: P.kwargs) -> R:
        """Run the use case as one transaction; its result is returned after the commit."""
        return await self._writer.run(partial(_call, use_case, args, kwargs))

    async def read(self, query: Callable[Concatenate[ReadTx, P], R], /, *args: P.args, **kwargs: P.kwargs) -> R:
        """Run the query in one read transaction."""
        return await self._reader.run(partial(_call, query, args, kwargs))

    def close(self) -> None:
        """No thread and no connection is left; what was asked for before is committed."""
        self._writer.close()
        self._reader.close()
        self._read_engine.dispose()
        self.engine.dispose()

    def _tx(self, connection: sa.Connection) -> Tx:
        return Tx(connection, self.clock.now(), self.ids, self.subscriptions)

    def _write_batch(self, works: list[Callable[[Tx], Any]]) -> list[Answer]:
        """Run each work under its own savepoint, commit once, answer after the commit."""
        if len(works) == 1:
            return [self._write_alone(works[0])]
        answers: list[Answer] = []
        emitted: list[Recorded[Event]] = []
        try:
            with self._lock, self.engine.begin() as connection:
                for work in works:
                    tx = self._tx(connection)
                    answers.append(self._answer(self._under_savepoint, tx, work))
                    emitted.extend(tx.emitted)
                    self._check_still_open(connection)
        except (sa.exc.DBAPIError, sa.exc.TimeoutError) as error:
            failure = unavailable(error)
            return [Answer(error=failure) for _ in works]
        self._tell(emitted)
        return answers

    def _write_alone(self, work: Callable[[Tx], Any]) -> Answer:
        """Run one work as the whole transaction: nobody else's has to survive its failure."""
        try:
            with self._lock, self.engine.begin() as connection:
                tx = self._tx(connection)
                value = work(tx)
                self._check_still_open(connection)
        except OUTAGES as error:
            return Answer(error=unavailable(error))
        except UNSTORABLE as error:
            return Answer(error=unstorable(error))
        except Exception as error:  # noqa: BLE001 - the boundary: the waiter gets it
            return Answer(error=error)
        self._tell(tx.emitted)
        return Answer(value=value)

    def _check_still_open(self, connection: sa.Connection) -> None:
        """Raise when SQLite gave the whole transaction up by itself, as it does on a full disk."""
        raw: Any = connection.connection.dbapi_connection
        if self.is_sqlite and not raw.in_transaction:
            raise sa.exc.OperationalError("COMMIT", None, sqlite3.OperationalError("the transaction was undone"))

    def _under_savepoint(self, tx: Tx, work: Callable[[Tx], R]) -> R:
        with tx.savepoint():
            return work(tx)

    def _write_one(self, work: Callable[[Tx], R]) -> R:
        for attempt in range(1, ATTEMPTS + 1):
            is_committing = False
            try:
                with self.engine.begin() as connection:
                    tx = self._tx(connection)
                    result = work(tx)
                    if tx.emitted:
                        connection.exec_driver_sql("NOTIFY staycalm")
                    is_committing = True
            except (*OUTAGES, sa.exc.IntegrityError) as error:
                if attempt < ATTEMPTS and _may_run_again(error):
                    continue
                if isinstance(error, sa.exc.IntegrityError):
                    raise
                raise _unknown_end(error) if is_committing else unavailable(error) from error
            except UNSTORABLE as error:
                raise unstorable(error) from error
            self._tell(tx.emitted)
            return result
        raise AssertionError("unreachable")

    def _read_one(self, work: Callable[[ReadTx], R]) -> R:
        try:
            with self._reading() as connection, connection.begin():
                return work(ReadTx(connection, self.clock.now()))
        except OUTAGES as error:
            raise unavailable(error) from error
        except UNSTORABLE as error:
            raise unstorable(error) from error

    def _reading(self) -> Any:
        if not self.is_sqlite or self._read_engine is self.engine:
            return self._read_engine.connect()
        kept: sa.Connection | None = getattr(self._readers, "connection", None)
        if kept is None:
            kept = self._readers.connection = self._read_engine.connect()
        return _Kept(kept)

    def _tell(self, emitted: Sequence[Recorded[Event]]) -> None:
        for listener in self.commit_listeners if emitted else ():
            try:
                listener(emitted)
            except Exception:  # the boundary: what is committed is committed, whoever could not be told
                logger.exception("a commit listener failed")

    @staticmethod
    def _answer(work: Callable[..., R], *args: Any) -> Answer:
        try:
            return Answer(value=work(*args))
        except OUTAGES as error:
            return Answer(error=unavailable(error))
        except UNSTORABLE as error:
            return Answer(error=unstorable(error))
        except Exception as error:  # noqa: BLE001 - the boundary: the waiter gets it, other jobs go on
            return Answer(error=error)


class _Kept:
    """A reader thread keeps its connection: opening one costs more than most queries."""

    def __init__(self, connection: sa.Connection) -> None:
        self._connection = connection

    def __enter__(self) -> sa.Connection:
        return self._connection

    def __exit__(self, *_: object) -> None:
        return None


def _call(function: Callable[..., R], args: tuple[Any, ...], kwargs: dict[str, Any], tx: Any) -> R:
    return function(tx, *args, **kwargs)


def _may_run_again(error: Exception) -> bool:
    """Return whether the whole transaction was undone because another was first: the next run sees its rows."""
    code = getattr(getattr(error, "orig", None), "sqlstate", None)
    return code in DEADLOCK_CODES or code == LOST_RACE_CODE


def _reason(error: Exception) -> str:
    original = getattr(error, "orig", None)
    return str(original).splitlines()[0] if str(original or "") else type(error).__name__


def unavailable(error: Exception) -> Unavailable:
    """Return the refusal for a transaction that was undone."""
    return Unavailable(
        "database-unavailable",
        f"the database does not take this now: {_reason(error)}",
        next_step="Nothing was changed; try again. If it goes on, look at free disk space and at who locks it.",
    )


def unstorable(error: Exception) -> Invalid:
    """Return the refusal of a value that this database has no form for; the value itself is not told."""
    return Invalid(
        "unstorable",
        f"a value cannot be stored ({type(error).__name__}): a NUL character, or a number or time out of range",
        next_step="Mend it and send it again; nothing was changed.",
    )


def _unknown_end(error: Exception) -> Unavailable:
    return Unavailable(
        "commit-unknown",
        f"the database was lost while it committed this: {_reason(error)}",
        next_step="It may have happened. Look before you try again.",
    )


@contextlib.contextmanager
def said_in_words() -> Iterator[None]:
    """A database that cannot be used raises Unavailable and no driver's error; for the time before serving."""
    try:
        yield
    except (sa.exc.DBAPIError, sa.exc.TimeoutError) as error:
        raise Unavailable(
            "database-unavailable",
            f"the database cannot be used: {_reason(error)}",
            next_step="Check [database] url, that the database runs, and free disk space.",
        ) from error
