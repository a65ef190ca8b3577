"""Finds the application that a reference names, and says precisely why when there is none.

Owns the forms of a reference and the wording of what is wrong with one. Knows nothing of sockets or
of processes; `sys.path` has been set up by the caller.
"""

from __future__ import annotations

import ast
import contextlib
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
# The gateway takes control lines of up to 4 MiB; an exception can say anything at any length.
MESSAGE_MAX_CHARACTERS = 4_000
DETAILS_MAX_CHARACTERS = 100_000
OWN_FOLDERS = frozenset(map(os.path.dirname, (__file__, importlib.__file__)))

ASGI_ADVICE = (
    "Portico runs WSGI applications: name the WSGI callable of your framework (for Django: "
    "mysite.wsgi), or wrap this one with a WSGI adapter such as a2wsgi"
)

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
    """The application was not loaded: one line for the operator, and the user's traceback if any.

    Both are cut where they are too long: the line at its end, the traceback at its beginning.
    """

    def __init__(self, exit_status: int, message: str, details: str | None = None) -> None:
        super().__init__(message)
        self.exit_status = exit_status
        self.message = " ".join(message.split())[:MESSAGE_MAX_CHARACTERS]
        self.details = details and details[-DETAILS_MAX_CHARACTERS:]


@dataclass(frozen=True)
class Application:
    """A WSGI callable, the reference with the attribute taken, and what kind it is, for people."""

    call: Callable[..., Any]
    reference: str
    kind: str


def load(reference: str) -> Application:
    """Imports the application.

    Forms: `module`, `module:name`, `module:name.name`, `module:factory()`,
    `module:factory("literal", key=1)`, and a path to a `.py` file in the module's place. Arguments
    are literals: nothing is evaluated.

    Raises LoadError: exit status 3, the module was not found, or it or the factory raised; 4, the
    callable was not found or is not a WSGI application.
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
    """Takes the part behind the colon apart.

    Raises LoadError, status 4, where it is no dotted name or call.
    """
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
        # Where another module is missing, one of those that the application needs, that is what
        # the operator has to know, and where it is imported.
        if error.name is not None and (name == error.name or name.startswith(f"{error.name}.")):
            raise LoadError(EXIT_MODULE_NOT_LOADED, not_found(name, error.name)) from None
        raised(f"{name} could not be imported", error)
    except BaseException as error:  # noqa: BLE001 - all of it, SystemExit too, is for the operator
        raised(f"{name} could not be imported", error)


def import_file(path: str) -> ModuleType:
    """Imports a file under its own name, with its folder on `sys.path`, as `python FILE` would."""
    file = os.path.abspath(path)
    name = os.path.splitext(os.path.basename(file))[0]
    if not os.path.isfile(file):
        folder, missing = os.path.split(file)
        others = os.listdir(folder) if os.path.isdir(folder) else []
        nearest = did_you_mean(missing, [other for other in others if other.endswith(".py")])
        raise LoadError(EXIT_MODULE_NOT_LOADED, f"{path}: there is no such file{nearest}")
    sys.path.insert(0, os.path.dirname(file))
    spec = importlib.util.spec_from_file_location(name, file)
    if spec is None or spec.loader is None:
        raise LoadError(
            EXIT_MODULE_NOT_LOADED,
            f"{path}: not a Python source file (its name must end with .py)",
        )
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException as error:  # noqa: BLE001 - as in import_module
        raised(f"{path} could not be imported", error)
    return module


def raised(event: str, error: BaseException) -> NoReturn:
    """Reports what the user's own code raised. Raises LoadError, status 3."""
    what = type(error).__name__
    # An exception's own __str__ can raise, too.
    with contextlib.suppress(Exception):
        what += f": {error}" if str(error) else ""
    if isinstance(error, SystemExit):
        what = f"it called exit ({error.code!r})"
    raise LoadError(EXIT_MODULE_NOT_LOADED, f"{event}: {what}", user_traceback(error)) from None


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
    return os.path.dirname(file) in OWN_FOLDERS or file.startswith("<frozen importlib")


def not_found(name: str, missing: str) -> str:
    """`missing` is `name`, or the part of it that is not there."""
    inside = "" if missing == name else f" (there is no {missing})"
    parent, _, last = missing.rpartition(".")
    nearest = did_you_mean(missing, module_names(missing))
    if missing == name and hasattr(sys.modules.get(parent), last):
        nearest = f"; did you mean '{parent}:{last}'?"
    searched = ", ".join(os.path.abspath(entry) for entry in sys.path)
    return f"no module named {name!r}{inside}{nearest}; searched: {searched}"


def module_names(missing: str) -> list[str]:
    """Modules that could have been meant: in the same package, or the application's own."""
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
    """Tries the usual names. Raises LoadError, status 4, where none of them is a callable."""
    for name in APPLICATION_NAMES:
        found = getattr(module, name, None)
        if callable(found):
            return name, found
    for name in FACTORY_NAMES:
        factory = getattr(module, name, None)
        if callable(factory) and takes_no_arguments(factory):
            return f"{name}()", call_factory(factory, f"{module_name}:{name}()", (), {})
    tried = ", ".join((*APPLICATION_NAMES, *(f"{name}()" for name in FACTORY_NAMES)))
    raise LoadError(
        EXIT_NOT_AN_APPLICATION,
        f"{module_name} has none of {tried}; name the callable, as in {module_name}:NAME"
        f"{found_instead(module, module_name)}",
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
            listed = found_instead(module, module_name) if found is module else ""
            raise LoadError(
                EXIT_NOT_AN_APPLICATION, f"{at} has no {name!r}{did_you_mean(name, names)}{listed}"
            ) from None
        except BaseException as error:  # noqa: BLE001 - as in import_module
            raised(f"{at} could not be asked for {name!r}", error)
        at = f"{at}:{name}" if at == module_name else f"{at}.{name}"
    if not attribute.called:
        return found
    if not callable(found):
        raise LoadError(EXIT_NOT_AN_APPLICATION, f"{at} is {a_type(found)}, which cannot be called")
    return call_factory(found, reference, attribute.arguments, attribute.keywords)


def call_factory(
    factory: Callable[..., Any],
    reference: str,
    arguments: tuple[Any, ...],
    keywords: dict[str, Any],
) -> Any:
    try:
        inspect.signature(factory).bind(*arguments, **keywords)
    except TypeError as error:
        raise LoadError(
            EXIT_NOT_AN_APPLICATION,
            f"{reference}: the factory does not take these arguments: {error}",
        ) from None
    except ValueError:
        # No signature to look at, as with some callables written in C: the call itself will tell.
        pass
    try:
        return factory(*arguments, **keywords)
    except BaseException as error:  # noqa: BLE001 - as in import_module
        raised(f"{reference} raised", error)


def found_instead(module: ModuleType, name: str) -> str:
    """What the reader has to know of a module that does not have what was asked for."""
    return f"{shadows(module, name)}{found_callables(module)}"


def shadows(module: ModuleType, name: str) -> str:
    """Says which file was imported, where the reader will have meant another.

    The interpreter had a module of that name already, such as `site`, before anybody looked into
    the application's folder.
    """
    path = name.replace(".", os.sep)
    imported = getattr(module, "__file__", None)
    for entry in sys.path:
        for form in (f"{path}.py", os.path.join(path, "__init__.py")):
            file = os.path.join(os.path.abspath(entry), form)
            if not os.path.isfile(file):
                continue
            if imported is not None and os.path.samefile(file, imported):
                return ""
            return f"; imported was {imported or 'what is built into Python'}, not {file}"
    return ""


def found_callables(module: ModuleType) -> str:
    """What could have been meant: what the module defines, then instances that can be called."""
    own: list[str] = []
    instances: list[str] = []
    for name, value in vars(module).items():
        if name.startswith("_") or not callable(value):
            continue
        if not isinstance(value, type) and not inspect.isroutine(value):
            instances.append(name)
        elif value.__module__ == module.__name__:
            own.append(name)
    names = own + instances
    if not names:
        return "; it has no callables of its own"
    shown = ", ".join(names[:NAMES_SHOWN_MAX])
    more = ", ..." if len(names) > NAMES_SHOWN_MAX else ""
    return f"; callables found in it: {shown}{more}"


def require_wsgi(found: Any, reference: str) -> None:
    """Raises LoadError, status 4, where `found` cannot be called as a WSGI application."""
    if not callable(found):
        raise LoadError(
            EXIT_NOT_AN_APPLICATION, f"{reference} is {a_type(found)}, which is not callable"
        )
    if is_asgi(found):
        raise LoadError(
            EXIT_NOT_AN_APPLICATION,
            f"{reference} is an ASGI application ({a_type(found)}); {ASGI_ADVICE}",
        )
    if makes_no_content(found):
        raise LoadError(
            EXIT_NOT_AN_APPLICATION,
            f"{reference} is a class, and what it makes is not an iterable of bytes; "
            "name an instance of it",
        )
    try:
        inspect.signature(found).bind({}, None)
    except TypeError as error:
        hint = ""
        if inspect.isroutine(found):
            hint = f"; if it makes the application, call it: '{reference}()'"
        raise LoadError(
            EXIT_NOT_AN_APPLICATION,
            f"{reference} is {a_type(found)} that does not take (environ, start_response): "
            f"{error}{hint}",
        ) from None
    except ValueError:
        # No signature, as with some callables written in C: taken at its word.
        pass


def makes_no_content(found: Any) -> bool:
    """Whether it is a class such as Flask itself, not one whose instances are the content."""
    return (
        type(found) is type
        and "__new__" not in {name for base in found.__mro__[:-1] for name in vars(base)}
        and not hasattr(found, "__iter__")
        and not hasattr(found, "__getitem__")
    )


def is_asgi(found: Any) -> bool:
    """Whether it is called as (scope, receive, send), or (scope) and then (receive, send)."""
    # What an instance of the class is called by; not, as with getattr, what the class itself is.
    owner = found if isinstance(found, type) else type(found)
    method = inspect.getattr_static(owner, "__call__", None)
    if any(map(is_asynchronous, (found, method))):
        return True
    try:
        names = list(inspect.signature(found).parameters)
    except (TypeError, ValueError):
        return False
    return names[:3] == ["scope", "receive", "send"] or names == ["scope"]


def is_asynchronous(call: Any) -> bool:
    return inspect.iscoroutinefunction(call) or inspect.isasyncgenfunction(call)


def a_type(value: Any) -> str:
    """A value's type with its article."""
    if value is None:
        return "None"
    name = type(value).__name__
    article = "an" if name[:1].lower() in "aeiou" else "a"
    return f"{article} {name}"


def kind_of(found: Any) -> str:
    """The framework, by the module of the application's class or of one that it is derived from."""
    owner = found if inspect.isroutine(found) or isinstance(found, type) else type(found)
    for base in getattr(owner, "__mro__", (owner,)):
        # Functions written in C may belong to no module.
        kind = KINDS.get(str(base.__module__).partition(".")[0])
        if kind is not None:
            return kind
    return "WSGI"
