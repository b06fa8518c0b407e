"""The client against the real services, which run in this process."""

from serving import serve, serving  # noqa: F401 - fixtures
