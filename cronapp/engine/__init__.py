"""Carrying out runs: the timer, the life of a run, and the three ways to execute a task."""
