"""The rules of scheduling, pure: no I/O, no clock, no logging; `now` is always an argument."""
