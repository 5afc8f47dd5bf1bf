"""The REST API's description: what each handler takes and answers, read from its own lines."""
