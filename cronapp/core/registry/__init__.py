"""The @task decorator, and the tasks found in files and modules.

Loading runs the user's files, so it is the one place of `core` that does I/O. A file that cannot be loaded raises
nothing: it becomes a `LoadError`, and the tasks of the other files stay.
"""

from cronapp.core.registry.books import BOOK, book_files, declared_in_files
from cronapp.core.registry.decorator import task
from cronapp.core.registry.loading import LoadError, Registry, load, merged
from cronapp.core.registry.options import ATTRIBUTE, TaskOptions
from cronapp.core.registry.sources import file_hashes, source_files
from cronapp.core.registry.tasks import Task, code_job_id

__all__ = [
    "ATTRIBUTE",
    "BOOK",
    "LoadError",
    "Registry",
    "Task",
    "TaskOptions",
    "book_files",
    "code_job_id",
    "declared_in_files",
    "file_hashes",
    "load",
    "merged",
    "source_files",
    "task",
]
