"""Portico's Python processes: the zygote that imports an application, and the workers that it forks.

Standard library only, because it runs in the application's own environment. `docs/worker-protocol.md` is what both
ends of the sockets agree on.
"""
