"""Tells people and programs what happens with the jobs: whatever waits in the outbox is sent from here."""
