"""What somebody sees who is limited to the jobs with some tags.

Wherever a question names a table of jobs, or of what belongs to them, the database is shown only those of its rows that
are theirs. So no question can forget the limit, however it is put together.
"""

from __future__ import annotations

import copy
from typing import Any

from sqlalchemy import Engine, Table, select
from sqlalchemy.engine import Dialect
from sqlalchemy.sql.compiler import SQLCompiler

from cronapp.store.tables import (
    backfills,
    deliveries,
    dependencies,
    job_changes,
    job_channels,
    job_notes,
    job_secrets,
    job_tags,
    jobs,
    runs,
    slot_changes,
)

OF_JOBS = {
    *(runs, job_tags, job_secrets, job_channels, dependencies, job_changes, job_notes, slot_changes, backfills),
    deliveries,
}
"""Tables whose rows belong to a job, by its key. Log lines are asked for by runs that were found in these."""


def scoped(engine: Engine, tags: frozenset[str]) -> Engine:
    """The same connections, asked through a compiler that shows only what belongs to the jobs with these tags."""
    dialect = copy.copy(engine.dialect)
    dialect.statement_compiler = compiler_for(dialect, tags)
    twin = copy.copy(engine)
    twin.dialect = dialect
    return twin.execution_options(compiled_cache={})


def compiler_for(dialect: Dialect, tags: frozenset[str]) -> type[SQLCompiler]:
    own = select(job_tags.c.job_key).where(job_tags.c.tag.in_(sorted(tags)))
    bare = "+" if dialect.name == "sqlite" else ""  # else it goes job by job, and sorts all that it finds in the end
    keys = str(own.compile(dialect=dialect, compile_kwargs={"literal_binds": True}))

    class Scoped(dialect.statement_compiler):  # type: ignore[misc, name-defined]
        def visit_table(self, table: Table, asfrom: bool = False, **kw: Any) -> str:
            text: str = super().visit_table(table, asfrom=asfrom, **kw)
            if not asfrom or not (table is jobs or table in OF_JOBS):
                return text
            key = f"{bare}{'key' if table is jobs else 'job_key'}"
            rows = f"(SELECT * FROM {text} WHERE {key} IN ({keys}))"  # nosec B608 # tags are quoted
            alias = kw.get("enclosing_alias")
            return rows if alias is not None and alias.element is table else f"{rows} AS {table.name}"

    return Scoped
