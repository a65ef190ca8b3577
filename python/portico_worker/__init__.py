"""Portico's Python processes: the zygote that imports an application, and the workers it forks.

Standard library only, because it runs in the application's own environment. What both ends of the
sockets agree on is in docs/worker-protocol.md.
"""
