"""Functions of the operator's that are called as processes and requests come and go (`--hooks`).

Finds them in a module or a file, and calls each with what it expects. Written so that the files that
OpenTelemetry's and Prometheus' guides give for gunicorn work as they are.
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

from portico_worker.loading import EXIT_MODULE_NOT_LOADED, LoadError, did_you_mean, raised
from portico_worker.wsgi import log, write_error

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
# What an operator's configuration for gunicorn may hold besides, and nothing here reads.
NEVER_CALLED = frozenset(
    (
        "nworkers_changed",
        "on_exit",
        "on_reload",
        "on_starting",
        "pre_exec",
        "pre_fork",
        "ssl_context",
        "when_ready",
        "worker_abort",
        "worker_int",
    )
)
NEVER_READ = frozenset(
    (
        "access_log_format accesslog backlog bind ca_certs capture_output certfile chdir check_config"
        " ciphers config control_socket daemon default_proc_name dirty_apps dirty_threads"
        " dirty_timeout dirty_workers disable_redirect_access_to_syslog"
        " do_handshake_on_connect dogstatsd_tags enable_stdio_inheritance errorlog"
        " forwarded_allow_ips forwarder_headers graceful_timeout group header_map"
        " http_protocols initgroups keepalive keyfile limit_request_field_size"
        " limit_request_fields limit_request_line logconfig logconfig_dict logconfig_json"
        " logger_class loglevel max_requests max_requests_jitter no_control_socket paste"
        " permit_obsolete_folding permit_unconventional_http_method"
        " permit_unconventional_http_version pidfile preload_app print_config proc_name"
        " proxy_allow_ips proxy_protocol pythonpath raw_env raw_paste_global_conf reload"
        " reload_engine reload_extra_files reuse_port root_path secure_scheme_headers sendfile"
        " spew statsd_host statsd_prefix strip_header_spaces suppress_ragged_eofs syslog"
        " syslog_addr syslog_facility syslog_prefix threads timeout tmp_upload_dir umask"
        " user worker_class worker_connections worker_tmp_dir workers wsgi_app"
    ).split()
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
    logger = logging.Logger("portico", logging.INFO)
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
    """The hooks of one generation. Those that are not there are None."""

    def __init__(self, module: ModuleType, generation: int) -> None:
        logger = make_logger()
        self.server = Server(logger, generation)
        self._found = {name: value for name in HOOKS if callable(value := vars(module).get(name))}
        self.pre_request = self._found.get("pre_request")
        self.post_request = self._found.get("post_request")
        if self.post_request is not None:
            self.post_request = with_fewer_arguments(self.post_request)

    def worker(self, number: int, pid: int) -> HookWorker:
        return HookWorker(self.server.log, number, pid)

    def begin_worker(self, worker: HookWorker) -> None:
        """In the worker, before it says that it is ready.

        Raises what a hook raises, with its traceback written: such a worker is not to serve.
        """
        for name, arguments in (
            ("post_fork", (self.server, worker)),
            ("worker_ready", (worker,)),
            ("post_worker_init", (worker,)),
        ):
            if name in self._found:
                try:
                    self._found[name](*arguments)
                except Exception as error:
                    write_error(describe(name, error))
                    raise

    def end_worker(self, worker: HookWorker) -> None:
        """In the worker, when it has served its last request."""
        if "worker_exit" in self._found:
            call(self._found["worker_exit"], self.server, worker)

    def bury_worker(self, number: int, pid: int) -> None:
        """In the zygote, when it has reaped the worker."""
        if "child_exit" in self._found:
            call(self._found["child_exit"], self.server, self.worker(number, pid), ends=True)


def call(hook: Hook, *arguments: Any, ends: bool = False) -> None:
    """Calls a hook whose failure is written to standard error, and changes nothing.

    ends: whether what would end the process, as SystemExit does, is a failure like any other.
    """
    try:
        hook(*arguments)
    except Exception as error:  # noqa: BLE001 - any; it is reported
        write_error(describe(getattr(hook, "__name__", "?"), error))
    except BaseException as error:
        if not ends:
            raise
        write_error(describe(getattr(hook, "__name__", "?"), error))


def describe(name: str, error: BaseException) -> str:
    """The traceback without our own frame at its top."""
    entry = error.__traceback__
    text = "".join(traceback.format_exception(type(error), error, entry and entry.tb_next))
    return f"portico: error in the hook {name} (PID {os.getpid()})\n{text}"


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
    """One for each function that seems to be a hook misspelt, and one for all that is ignored."""
    lines: list[str] = []
    ignored: list[str] = []
    for entry, value in vars(module).items():
        if entry in NEVER_CALLED or entry in NEVER_READ:
            ignored.append(entry)
        elif (
            entry not in HOOKS
            and inspect.isfunction(value)
            and value.__module__ == module.__name__
            and difflib.get_close_matches(entry, HOOKS, n=1, cutoff=ALIKE)
        ):
            lines.append(f"hooks {name}: {entry} is not called{did_you_mean(entry, list(HOOKS))}")
    if ignored:
        lines.append(f"hooks {name}: ignored: {', '.join(ignored)} (Portico has its own options)")
    return lines
