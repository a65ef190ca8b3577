"""Finds the application that a reference names, and says precisely why when there is none.

Owns the forms of a reference and the wording of what is wrong with one. Knows nothing of sockets or of processes;
`sys.path` has been set up by the caller.
"""

from __future__ import annotations

import ast
import difflib
import importlib
import importlib.util
import inspect
import os
import pkgutil
import re
import sys
import traceback
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Callable, NoReturn

if TYPE_CHECKING:
    from types import ModuleType, TracebackType

EXIT_MODULE_NOT_LOADED = 3
EXIT_NOT_AN_APPLICATION = 4

# What a reference without an attribute is tried for, in this order.
APPLICATION_NAMES = ("application", "app")
FACTORY_NAMES = ("create_app", "make_app")
# A message names at most so many of what was found.
NAMES_SHOWN_MAX = 8

KINDS = {
    "flask": "Flask",
    "django": "Django",
    "pyramid": "Pyramid",
    "bottle": "Bottle",
    "falcon": "Falcon",
    "werkzeug": "Werkzeug",
    "webpy": "web.py",
}


class LoadError(Exception):
    """The application was not loaded: one line for the operator, and the user's traceback where there is one."""

    def __init__(self, exit_status: int, message: str, details: str | None = None) -> None:
        super().__init__(message)
        self.exit_status = exit_status
        self.message = " ".join(message.split())
        self.details = details


@dataclass(frozen=True)
class Application:
    """A WSGI callable, the reference with the attribute that was taken, and what kind it is, for people."""

    call: Callable[..., Any]
    reference: str
    kind: str


def load(reference: str) -> Application:
    """Imports the application.

    Forms: `module`, `module:name`, `module:name.name`, `module:factory()`, `module:factory("literal", key=1)`, and a
    path to a `.py` file in the module's place. Arguments are literals: nothing is evaluated.

    Raises LoadError: exit status 3, the module was not found or raised; 4, the callable was not found or is not a
    WSGI application.
    """
    module_part, colon, attribute_part = reference.partition(":")
    expression = parse_attribute(reference, attribute_part) if colon else None
    if not module_part:
        raise LoadError(
            EXIT_MODULE_NOT_LOADED, f"{reference}: a module must be named before the colon"
        )
    module = import_module(module_part)
    if expression is None:
        name, found = search(module, module_part)
        reference = f"{module_part}:{name}"
    else:
        found = resolve(module, module_part, reference, expression)
    require_wsgi(found, reference)
    return Application(found, reference, kind_of(found))


@dataclass(frozen=True)
class Attribute:
    """`a.b` or `a.b(arguments)`."""

    names: tuple[str, ...]
    called: bool
    arguments: tuple[Any, ...]
    keywords: dict[str, Any]


def parse_attribute(reference: str, text: str) -> Attribute:
    """Takes the part behind the colon apart. Raises LoadError, status 4, where it is no dotted name or call."""
    try:
        node = ast.parse(text.strip(), mode="eval").body
        called = isinstance(node, ast.Call)
        arguments: tuple[Any, ...] = ()
        keywords: dict[str, Any] = {}
        if isinstance(node, ast.Call):
            arguments = tuple(ast.literal_eval(argument) for argument in node.args)
            for keyword in node.keywords:
                if keyword.arg is None:
                    raise ValueError
                keywords[keyword.arg] = ast.literal_eval(keyword.value)
            node = node.func
        names: list[str] = []
        while isinstance(node, ast.Attribute):
            names.insert(0, node.attr)
            node = node.value
        if not isinstance(node, ast.Name):
            raise ValueError
        return Attribute((node.id, *names), called, arguments, keywords)
    except (SyntaxError, ValueError, TypeError, RecursionError, MemoryError):
        raise LoadError(
            EXIT_NOT_AN_APPLICATION,
            f"{reference}: behind the colon there must be a name, or a call with literal arguments "
            "such as create_app('production', debug=False)",
        ) from None


def import_module(name: str) -> ModuleType:
    """Imports by dotted name, or by the path of a file."""
    if name.endswith(".py") or "/" in name:
        return import_file(name)
    if not re.fullmatch(r"[^\W\d]\w*(\.[^\W\d]\w*)*", name):
        raise LoadError(EXIT_MODULE_NOT_LOADED, f"{name!r} is not the name of a module")
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name is not None and (name == error.name or name.startswith(f"{error.name}.")):
            raise LoadError(EXIT_MODULE_NOT_LOADED, not_found(name, error.name)) from None
        raised(name, error)
    except BaseException as error:  # noqa: BLE001 - whatever an import raises, SystemExit too, is the operator's to read
        raised(name, error)


def import_file(path: str) -> ModuleType:
    """Imports a file under its own name, with its folder on `sys.path`, as `python FILE` would."""
    file = os.path.abspath(path)
    name = os.path.splitext(os.path.basename(file))[0]
    if not os.path.isfile(file):
        raise LoadError(EXIT_MODULE_NOT_LOADED, f"{path}: there is no such file")
    sys.path.insert(0, os.path.dirname(file))
    spec = importlib.util.spec_from_file_location(name, file)
    if spec is None or spec.loader is None:
        raise LoadError(EXIT_MODULE_NOT_LOADED, f"{path}: not a Python source file (its name must end with .py)")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException as error:  # noqa: BLE001 - as in import_module
        raised(path, error)
    return module


def raised(name: str, error: BaseException) -> NoReturn:
    """Reports what the user's own code raised while it was imported."""
    what = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
    if isinstance(error, SystemExit):
        what = f"it called exit ({error.code!r})"
    raise LoadError(
        EXIT_MODULE_NOT_LOADED, f"{name} could not be imported: {what}", user_traceback(error)
    ) from None


def user_traceback(error: BaseException) -> str:
    """The traceback without our frames and the import system's, which tell the reader nothing."""
    entry: TracebackType | None = error.__traceback__
    while entry is not None and is_ours(entry):
        entry = entry.tb_next
    text = "".join(traceback.format_exception(type(error), error, entry))
    frame = r'  File "<frozen importlib\._bootstrap[^\n]*\n(?:    [^\n]*\n)*'
    return re.sub(frame, "", text)


def is_ours(entry: TracebackType) -> bool:
    file = entry.tb_frame.f_code.co_filename
    return (
        os.path.dirname(os.path.abspath(file)) == os.path.dirname(os.path.abspath(__file__))
        or file.startswith("<frozen importlib")
        or os.path.dirname(file).endswith("importlib")
    )


def not_found(name: str, missing: str) -> str:
    searched = ", ".join(os.path.abspath(entry) if entry else os.getcwd() for entry in sys.path)
    inside = "" if missing == name else f" (there is no {missing})"
    return f"no module named {name!r}{inside}{did_you_mean(missing, module_names(missing))}; searched: {searched}"


def module_names(missing: str) -> list[str]:
    """Modules that could have been meant: in the same package, or in the application's own folders."""
    package, _, _ = missing.rpartition(".")
    if package:
        parent = sys.modules.get(package)
        paths = list(getattr(parent, "__path__", []))
        return [f"{package}.{module.name}" for module in pkgutil.iter_modules(paths)]
    own = [entry or os.getcwd() for entry in sys.path if "site-packages" not in entry]
    standard = os.path.dirname(os.__file__)
    own = [entry for entry in own if not os.path.abspath(entry).startswith(standard)]
    return [module.name for module in pkgutil.iter_modules(own)]


def did_you_mean(name: str, candidates: list[str]) -> str:
    close = difflib.get_close_matches(name, candidates, n=1, cutoff=0.6)
    return f"; did you mean {close[0]!r}?" if close else ""


def search(module: ModuleType, module_name: str) -> tuple[str, Any]:
    """Tries the usual names. Raises LoadError, status 4, where none of them is there."""
    for name in APPLICATION_NAMES:
        if hasattr(module, name):
            return name, getattr(module, name)
    for name in FACTORY_NAMES:
        factory = getattr(module, name, None)
        if callable(factory) and takes_no_arguments(factory):
            return f"{name}()", call_factory(factory, f"{module_name}:{name}()", (), {})
    tried = ", ".join((*APPLICATION_NAMES, *(f"{name}()" for name in FACTORY_NAMES)))
    raise LoadError(
        EXIT_NOT_AN_APPLICATION,
        f"{module_name} has none of {tried}; name the callable, as in {module_name}:NAME{found_callables(module)}",
    )


def takes_no_arguments(factory: Any) -> bool:
    try:
        inspect.signature(factory).bind()
    except (TypeError, ValueError):
        return False
    return True


def resolve(module: ModuleType, module_name: str, reference: str, attribute: Attribute) -> Any:
    found: Any = module
    at = module_name
    for name in attribute.names:
        try:
            found = getattr(found, name)
        except AttributeError:
            names = [candidate for candidate in dir(found) if not candidate.startswith("_")]
            listed = found_callables(module) if found is module else ""
            raise LoadError(
                EXIT_NOT_AN_APPLICATION, f"{at} has no {name!r}{did_you_mean(name, names)}{listed}"
            ) from None
        at = f"{at}:{name}" if at == module_name else f"{at}.{name}"
    if not attribute.called:
        return found
    if not callable(found):
        raise LoadError(EXIT_NOT_AN_APPLICATION, f"{at} is {a_type(found)}, which cannot be called")
    return call_factory(found, reference, attribute.arguments, attribute.keywords)


def call_factory(
    factory: Callable[..., Any], reference: str, arguments: tuple[Any, ...], keywords: dict[str, Any]
) -> Any:
    try:
        inspect.signature(factory).bind(*arguments, **keywords)
    except TypeError as error:
        raise LoadError(
            EXIT_NOT_AN_APPLICATION, f"{reference}: the factory does not take these arguments: {error}"
        ) from None
    except ValueError:
        # No signature to look at, as with some callables written in C: the call itself will tell.
        pass
    try:
        return factory(*arguments, **keywords)
    except BaseException as error:  # noqa: BLE001 - as in import_module
        raised(reference, error)


def found_callables(module: ModuleType) -> str:
    names = [
        name
        for name, value in vars(module).items()
        if not name.startswith("_")
        and callable(value)
        and getattr(value, "__module__", module.__name__) == module.__name__
    ]
    names += [
        name
        for name, value in vars(module).items()
        if name not in names and not name.startswith("_") and not isinstance(value, type) and is_instance_callable(value)
    ]
    if not names:
        return "; it has no callables of its own"
    shown = ", ".join(names[:NAMES_SHOWN_MAX])
    more = ", ..." if len(names) > NAMES_SHOWN_MAX else ""
    return f"; callables found in it: {shown}{more}"


def is_instance_callable(value: Any) -> bool:
    return callable(value) and not inspect.isroutine(value) and not inspect.ismodule(value)


def require_wsgi(found: Any, reference: str) -> None:
    """Raises LoadError, status 4, where `found` cannot be called as a WSGI application."""
    if not callable(found):
        raise LoadError(EXIT_NOT_AN_APPLICATION, f"{reference} is {a_type(found)}, which is not callable")
    if is_asgi(found):
        raise LoadError(
            EXIT_NOT_AN_APPLICATION,
            f"{reference} is an ASGI application ({a_type(found)}); Portico runs WSGI applications: name the WSGI "
            "callable of your framework (for Django: mysite.wsgi), or wrap this one with a WSGI adapter such as a2wsgi",
        )
    try:
        inspect.signature(found).bind({}, None)
    except TypeError as error:
        hint = ""
        if inspect.isroutine(found):
            hint = f"; if it makes the application, call it: '{reference}()'"
        raise LoadError(
            EXIT_NOT_AN_APPLICATION,
            f"{reference} is {a_type(found)} that does not take (environ, start_response): {error}{hint}",
        ) from None
    except ValueError:
        # No signature, as with some callables written in C: taken at its word.
        pass


def is_asgi(found: Any) -> bool:
    """Whether it is called as (scope, receive, send), or, in ASGI 2, as (scope) and then (receive, send)."""
    if inspect.iscoroutinefunction(found) or inspect.iscoroutinefunction(getattr(found, "__call__", None)):
        return True
    target = found.__init__ if isinstance(found, type) else found
    try:
        names = [name for name in inspect.signature(target).parameters if name != "self"]
    except (TypeError, ValueError):
        return False
    if isinstance(found, type) and inspect.iscoroutinefunction(getattr(found, "__call__", None)):
        return True
    return names[:3] == ["scope", "receive", "send"] or names == ["scope"]


def a_type(value: Any) -> str:
    name = type(value).__name__
    article = "an" if name[:1].lower() in "aeiou" else "a"
    return f"{article} {name}"


def kind_of(found: Any) -> str:
    owner = type(found) if not inspect.isroutine(found) and not isinstance(found, type) else found
    modules = [base.__module__ for base in getattr(owner, "__mro__", [owner])]
    for module in modules:
        kind = KINDS.get(module.partition(".")[0])
        if kind is not None:
            return kind
    return "WSGI"
