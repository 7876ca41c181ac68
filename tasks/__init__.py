"""When things run: Celery carries the messages, the tick loop makes them. No logic: every body calls one function."""
