"""`dataclass` for the nouns of the model: the standard one in every respect, but cheap to define and to make.

The standard library generates six functions for a frozen dataclass and compiles each by itself: half a millisecond a class, and there are a
hundred of them to define before a command can say anything. Here one is needed (`__init__`), when the first object is made, and compiled once for
all classes with as many fields: most of the nouns that a command loads it never makes. Comparing, hashing, showing and refusing to change
are the same few lines for all. For a type checker it *is* `dataclasses.dataclass`; `fields`, `replace`, `asdict`, `match`, copying and pickle
work as ever, and tests/unit/test_noun.py holds the two against each other. Measured in docs/adr/0240.
"""

from __future__ import annotations

import dataclasses
import re
import sys
from functools import cache
from operator import attrgetter
from types import CellType, CodeType, FunctionType
from typing import TYPE_CHECKING, Any, Final

__all__ = ["dataclass"]

_MADE_ANEW: Final = object()
"""Stands in a signature for a default that is made for each object."""
_NO_FIELD: Final = ("ClassVar", "typing.ClassVar")
_ODD: Final = re.compile(r"(?:\w+\.)?(?:InitVar|KW_ONLY)\b")
_LEFT: Final = frozenset({"__dict__", "__weakref__"})

if TYPE_CHECKING:
    from dataclasses import dataclass
else:

    def dataclass(*, frozen=False, slots=False, kw_only=False, **options):
        """`dataclasses.dataclass`; for a slotted class without further options in the cheap way."""
        if not slots or options:
            return dataclasses.dataclass(frozen=frozen, slots=slots, kw_only=kw_only, **options)
        return lambda cls: _made(cls, frozen=frozen, kw_only=kw_only)


def _made(cls: type[Any], *, frozen: bool, kw_only: bool) -> type[Any]:
    # Python itself takes the hash from a class that says what is equal; a frozen one keeps it, as with the standard library.
    own = frozenset(name for name, value in cls.__dict__.items() if (name, value) != ("__hash__", None))
    fields = _fields(cls, kw_only=kw_only)
    if odd := [field.name for field in fields.values() if not field.init or field.hash is not None]:
        raise TypeError(f"{cls.__qualname__}: a noun's fields are all given, and hashed as they are compared: {', '.join(odd)}")
    made = _slotted(cls, fields)
    order = tuple(fields.values())
    given = {
        **(_FROZEN if frozen else _CHANGING),
        "__init__": _init(made, order),
        "__match_args__": tuple(field.name for field in order if not field.kw_only),
        "_shown": tuple(field.name for field in order if field.repr),
        "_compared": _getter(field.name for field in order if field.compare),
    }
    for name, value in given.items():
        if name not in own:
            setattr(made, name, value)
    return made


def _fields(cls: type[Any], *, kw_only: bool) -> dict[str, dataclasses.Field[Any]]:
    """The fields of a class and of those it is made from, as the standard library finds them."""
    fields: dict[str, dataclasses.Field[Any]] = {}
    for base in reversed(cls.__mro__[1:]):
        fields |= base.__dict__.get("__dataclass_fields__", {})
    for name, kind in cls.__dict__.get("__annotations__", {}).items():  # noqa: RUF063 -- `inspect` takes 4 ms to load
        if not isinstance(kind, str) or _ODD.match(kind):
            raise TypeError(f"{cls.__qualname__}.{name}: the fields of a noun are plain, and annotated in words")
        if kind.startswith(_NO_FIELD):
            continue
        default = cls.__dict__.get(name, dataclasses.MISSING)
        field: Any = default if isinstance(default, dataclasses.Field) else dataclasses.field(default=default)
        if field.default.__class__.__hash__ is None:
            raise ValueError(f"{cls.__qualname__}.{name}: a default that can be changed")
        field.name, field.type, field.kw_only, field._field_type = name, kind, kw_only, _KIND  # noqa: SLF001 -- by which `fields` knows it
        fields[name] = field
    return fields


def _slotted(cls: type[Any], fields: dict[str, dataclasses.Field[Any]]) -> type[Any]:
    """The class once more, with slots for the fields that are its own."""
    inherited = {name for base in cls.__mro__[1:-1] for name in base.__dict__.get("__slots__", ())}
    given = {name: value for name, value in cls.__dict__.items() if name not in fields and name not in _LEFT}
    metaclass: Any = type(cls)
    made: type[Any] = metaclass(
        cls.__name__,
        cls.__bases__,
        {
            **given,
            # Without a docstring the standard library would write one, by way of `inspect`.
            "__doc__": cls.__doc__ or cls.__name__,
            "__slots__": tuple(name for name in fields if name not in inherited),
            "__dataclass_fields__": fields,
            "__dataclass_params__": _PARAMETERS,
        },
    )
    made.__qualname__ = cls.__qualname__
    return made


def _getter(names: Any) -> Any:
    """What gives the values of these attributes, as something to compare and to hash."""
    names = tuple(names)
    return attrgetter(*names) if names else type


def _init(cls: type[Any], fields: tuple[dataclasses.Field[Any], ...]) -> Any:
    """`__init__` of a class of which none was made yet: it puts the real one in its place."""

    def __init__(self: Any, *given: Any, **named: Any) -> None:  # noqa: N807 - that is what it becomes
        cls.__init__ = _filling(cls, fields)
        cls.__init__(self, *given, **named)

    return __init__


def _filling(cls: type[Any], fields: tuple[dataclasses.Field[Any], ...]) -> Any:
    """`__init__`, which fills the slots directly: an attribute that nobody may set cannot be set by it either."""
    plain = [field for field in fields if not field.kw_only]
    named = [field for field in fields if field.kw_only]
    order = (*plain, *named)
    made = tuple(number for number, field in enumerate(order) if field.default_factory is not dataclasses.MISSING)
    code = _code(len(order), made, post=hasattr(cls, "__post_init__")).replace(
        co_varnames=("self", *(field.name for field in order)),
        co_argcount=1 + len(plain),
        co_kwonlyargcount=len(named),
        co_qualname=f"{cls.__qualname__}.__init__",
    )
    given: dict[str, Any] = {"_made_anew": _MADE_ANEW}
    for number, field in enumerate(order):
        given[f"_set_{number}"] = getattr(cls, field.name).__set__
        given[f"_make_{number}"] = field.default_factory
    init = FunctionType(
        code,
        sys.modules[cls.__module__].__dict__,
        "__init__",
        tuple(_default(field) for field in plain if _has_default(field)),
        tuple(CellType(given[name]) for name in code.co_freevars),
    )
    init.__kwdefaults__ = {field.name: _default(field) for field in named if _has_default(field)}
    init.__annotations__ = {field.name: field.type for field in fields} | {"return": None}
    return init


@cache
def _code(count: int, made: tuple[int, ...], *, post: bool) -> CodeType:
    """What fills so many slots, compiled once for all classes that have as many: the names are put in afterwards.

    `made` are the numbers of those whose default is made anew each time; with `post`, `__post_init__` is called.
    """
    body = [
        f"  _set_{n}(self, _make_{n}() if _{n} is _made_anew else _{n})\n" if n in made else f"  _set_{n}(self, _{n})\n"
        for n in range(count)
    ]
    if post:
        body.append("  self.__post_init__()\n")
    given = ", ".join(("_made_anew", *(f"_set_{n}" for n in range(count)), *(f"_make_{n}" for n in made)))
    source = f"def make({given}):\n def __init__({', '.join(('self', *(f'_{n}' for n in range(count))))}):\n{''.join(body) or '  pass'}\n return __init__\n"
    compiled: dict[str, Any] = {}
    exec(source, {}, compiled)  # noqa: S102 - nothing but numbers is put into it
    code: CodeType = compiled["make"](*[None] * (1 + count + len(made))).__code__
    return code


def _has_default(field: dataclasses.Field[Any]) -> bool:
    return field.default is not dataclasses.MISSING or field.default_factory is not dataclasses.MISSING


def _default(field: dataclasses.Field[Any]) -> Any:
    return field.default if field.default is not dataclasses.MISSING else _MADE_ANEW


class _Same:
    """What is the same for all nouns. They are given these methods; none of them is one of these."""

    _shown: tuple[str, ...]
    _compared: Any

    def __repr__(self) -> str:
        shown = ", ".join(f"{name}={getattr(self, name)!r}" for name in self._shown)
        return f"{self.__class__.__qualname__}({shown})"

    def __eq__(self, other: object) -> bool:
        if other.__class__ is not self.__class__:
            return NotImplemented
        return bool(self._compared(self) == self._compared(other))

    def __hash__(self) -> int:
        return hash(self._compared(self))

    def __setattr__(self, name: str, _: object) -> None:
        raise dataclasses.FrozenInstanceError(f"cannot assign to field {name!r}")

    def __delattr__(self, name: str) -> None:
        raise dataclasses.FrozenInstanceError(f"cannot delete field {name!r}")

    def __getstate__(self) -> list[Any]:
        return [getattr(self, field.name) for field in dataclasses.fields(self)]  # type: ignore[arg-type] # each noun is one

    def __setstate__(self, state: list[Any]) -> None:
        for field, value in zip(dataclasses.fields(self), state, strict=True):  # type: ignore[arg-type] # as above
            object.__setattr__(self, field.name, value)


@dataclasses.dataclass(init=False, repr=False, eq=False)
class _Model:
    """What the standard library says of every class that it makes, and of every field."""

    field: None


_PARAMETERS: Final = _Model.__dataclass_params__  # type: ignore[attr-defined] # every dataclass has it
_KIND: Final = dataclasses.fields(_Model)[0]._field_type  # type: ignore[attr-defined]  # noqa: SLF001 -- every field has it

_CHANGING: Final = {"__repr__": _Same.__repr__, "__eq__": _Same.__eq__, "__hash__": None}
_FROZEN: Final = {
    name: _Same.__dict__[name]
    for name in ("__repr__", "__eq__", "__hash__", "__setattr__", "__delattr__", "__getstate__", "__setstate__")
}
