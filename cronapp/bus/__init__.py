"""Delivers events to whoever subscribed: in this process here, between processes by the database."""
