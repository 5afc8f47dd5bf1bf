"""SQLAlchemy Core tables in, core dataclasses out: the only SQL of the project.

Every question and every change is a plain function over a `Connection` or a `Tx`. Who carries it differs: a thread
with one writing connection for SQLite, an asynchronous engine for PostgreSQL. So no function exists twice.
"""
