"""Tasks that come with Cron-App. None is there unless READY_TASKS names it."""
