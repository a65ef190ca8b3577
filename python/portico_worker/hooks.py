"""Functions of the operator's that are called as processes and requests come and go (`--hooks`).

Finds them in a module or a file, and calls each with what it expects. Written so that the files
that OpenTelemetry's and Prometheus' guides give for gunicorn work as they are.
"""

from __future__ import annotations

import difflib
import importlib
import importlib.util
import inspect
import logging
import os
import sys
import traceback
from typing import TYPE_CHECKING, Any, Callable

from portico_worker.error_records import log, report
from portico_worker.gunicorn_names import GUNICORN_HOOKS, GUNICORN_SETTINGS
from portico_worker.loading import EXIT_MODULE_NOT_LOADED, LoadError, did_you_mean, raised

if TYPE_CHECKING:
    from types import ModuleType

Hook = Callable[..., Any]

SOURCE_SUFFIX = ".py"
# The name of the module that a file becomes; its own may be taken, as that of gunicorn.conf.py is.
FILE_MODULE = "portico_hooks"
HOOKS = (
    "post_fork",
    "worker_ready",
    "post_worker_init",
    "pre_request",
    "post_request",
    "worker_exit",
    "child_exit",
)
# How alike a function's name and a hook's are where the first is taken for a slip of the pen.
ALIKE = 0.8
# As gunicorn calls it: (worker, request), and where it takes more, the environ and the response.
POST_REQUEST_ARGUMENTS_MIN = 2
POST_REQUEST_ARGUMENTS_MAX = 4


class StandardErrorHandler(logging.Handler):
    """Writes lines to standard error as all of ours are written."""

    def emit(self, record: logging.LogRecord) -> None:
        try:
            text = self.format(record)
        except Exception:  # noqa: BLE001 - as logging's own handlers do it
            self.handleError(record)
            return
        log(text)


def make_logger() -> logging.Logger:
    """A logger of nobody's: no configuration of the application's silences or doubles it."""
    logger = logging.Logger("portico", logging.INFO)  # noqa: LOG001 - on purpose, see above
    logger.addHandler(StandardErrorHandler())
    return logger


class Server:
    """What a hook knows as `server`: the zygote. `pid` is its PID, `log` a logger."""

    def __init__(self, logger: logging.Logger, generation: int) -> None:
        self.log = logger
        self.pid = os.getpid()
        self.generation = generation


class HookWorker:
    """What a hook knows as `worker`. `age` is the worker's number, `pid` its PID."""

    def __init__(self, logger: logging.Logger, age: int, pid: int) -> None:
        self.log = logger
        self.age = age
        self.pid = pid


class Hooks:
    """The hooks of one generation, in its zygote."""

    def __init__(self, module: ModuleType, generation: int) -> None:
        self.server = Server(make_logger(), generation)
        self._found = {name: value for name in HOOKS if callable(value := vars(module).get(name))}

    @property
    def around_requests(self) -> bool:
        return "pre_request" in self._found or "post_request" in self._found

    def of_worker(self, number: int) -> WorkerHooks:
        """For the worker that this process is."""
        worker = HookWorker(self.server.log, number, os.getpid())
        return WorkerHooks(self.server, worker, self._found)

    def bury_worker(self, number: int, pid: int) -> None:
        """In the zygote, when it has reaped that worker."""
        if "child_exit" in self._found:
            worker = HookWorker(self.server.log, number, pid)
            call(self._found["child_exit"], self.server, worker, ends=True)


class WorkerHooks:
    """The hooks as one worker calls them. Those that are not there are None."""

    def __init__(self, server: Server, worker: HookWorker, found: dict[str, Hook]) -> None:
        self.worker = worker
        self.pre_request = found.get("pre_request")
        self.post_request = found.get("post_request")
        if self.post_request is not None:
            self.post_request = with_fewer_arguments(self.post_request)
        self._server = server
        self._found = found

    @property
    def around_requests(self) -> bool:
        return self.pre_request is not None or self.post_request is not None

    def begin(self) -> None:
        """Before the worker says that it is ready.

        Raises what a hook raises, with its traceback written: such a worker is not to serve.
        """
        for name, arguments in (
            ("post_fork", (self._server, self.worker)),
            ("worker_ready", (self.worker,)),
            ("post_worker_init", (self.worker,)),
        ):
            if name in self._found:
                try:
                    self._found[name](*arguments)
                except Exception as error:
                    report(*describe(name, error))
                    raise

    def end(self) -> None:
        """When the worker has served its last request."""
        if "worker_exit" in self._found:
            call(self._found["worker_exit"], self._server, self.worker)


def call(hook: Hook, *arguments: Any, ends: bool = False) -> None:
    """Calls a hook whose failure is written to standard error, and changes nothing.

    ends: whether what would end the process, as SystemExit does, is a failure like any other.
    """
    try:
        hook(*arguments)
    except BaseException as error:
        if not (ends or isinstance(error, Exception)):
            raise
        report(*describe(getattr(hook, "__name__", "?"), error))


def describe(name: str, error: BaseException) -> tuple[str, str]:
    """What failed, and the traceback without our own frame at its top."""
    entry = error.__traceback__
    text = "".join(traceback.format_exception(type(error), error, entry and entry.tb_next))
    return f"portico: error in the hook {name} (PID {os.getpid()})", text


def with_fewer_arguments(hook: Hook) -> Hook:
    """A `post_request` that is called with four arguments, and passes on as many as it takes."""
    try:
        parameters = inspect.signature(hook).parameters.values()
    except (TypeError, ValueError):
        return hook
    if any(parameter.kind is parameter.VAR_POSITIONAL for parameter in parameters):
        return hook
    positional = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    count = sum(parameter.kind in positional for parameter in parameters)
    if not POST_REQUEST_ARGUMENTS_MIN <= count < POST_REQUEST_ARGUMENTS_MAX:
        return hook

    def post_request(*arguments: Any) -> None:
        hook(*arguments[:count])

    return post_request


def load(name: str, generation: int) -> Hooks:
    """Imports the hooks, and says what of them will never be called.

    name: a module's, or the path of a file, which ends in `.py`.

    Raises LoadError, status 3, where that fails.
    """
    module = import_file(name) if name.endswith(SOURCE_SUFFIX) else import_module(name)
    for warning in warnings(name, module):
        log(warning)
    return Hooks(module, generation)


def import_module(name: str) -> ModuleType:
    try:
        return importlib.import_module(name)
    except BaseException as error:  # noqa: BLE001 - all of it, SystemExit too, is for the operator
        raised(f"the hooks {name} could not be imported", error)


def import_file(path: str) -> ModuleType:
    """Runs a file as a module; unlike an application's, its folder does not go on `sys.path`."""
    file = os.path.abspath(path)
    if not os.path.isfile(file):
        raise LoadError(EXIT_MODULE_NOT_LOADED, f"the hooks {path}: there is no such file")
    spec = importlib.util.spec_from_file_location(FILE_MODULE, file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[FILE_MODULE] = module
    try:
        spec.loader.exec_module(module)
    except BaseException as error:  # noqa: BLE001 - as in import_module
        raised(f"the hooks {path} could not be imported", error)
    return module


def warnings(name: str, module: ModuleType) -> list[str]:
    """One for each function that seems to be a hook misspelt, and two for what is gunicorn's."""
    lines: list[str] = []
    settings: list[str] = []
    others: list[str] = []
    for entry, value in vars(module).items():
        if entry in GUNICORN_SETTINGS:
            settings.append(entry)
        elif entry in GUNICORN_HOOKS:
            others.append(entry)
        elif (
            entry not in HOOKS
            and inspect.isfunction(value)
            and value.__module__ == module.__name__
            and difflib.get_close_matches(entry, HOOKS, n=1, cutoff=ALIKE)
        ):
            lines.append(f"hooks {name}: {entry} is not called{did_you_mean(entry, list(HOOKS))}")
    if settings:
        listed = ", ".join(settings)
        lines.append(f"hooks {name}: not read: {listed} (Portico has options of its own)")
    if others:
        listed = ", ".join(others)
        lines.append(f"hooks {name}: not called: {listed} (gunicorn's, which Portico has not)")
    return lines
