"""`dataclass` for the nouns of the model: the standard one in every respect, but cheap to define and to make.

The standard library generates six functions for a frozen dataclass and compiles each by itself: half a millisecond a class, and there are a
hundred of them to define before a command can say anything. Here one is compiled (`__init__`), when the first object is made: most of the
nouns that a command loads it never makes. Comparing, hashing, showing and refusing to change are the same few lines for all. For a type checker it *is* `dataclasses.dataclass`; `fields`, `replace`, `asdict`, `match`, copying
and pickle work as ever, and tests/unit/test_noun.py holds the two against each other. Measured in docs/adr/0240.
"""

from __future__ import annotations

import dataclasses
import sys
from operator import attrgetter
from typing import TYPE_CHECKING, Any, Final

__all__ = ["dataclass"]

if TYPE_CHECKING:
    from dataclasses import dataclass
else:

    def dataclass(*, frozen=False, slots=False, kw_only=False, **options):
        """`dataclasses.dataclass`; for a frozen, slotted class without further options in the cheap way."""
        if not (frozen and slots) or options:
            return dataclasses.dataclass(frozen=frozen, slots=slots, kw_only=kw_only, **options)
        return lambda cls: _made(cls, kw_only=kw_only)


def _made(cls: type[Any], *, kw_only: bool) -> type[Any]:
    # Without a docstring the standard library would write one, by way of `inspect`.
    cls.__doc__ = cls.__doc__ or cls.__name__
    # Python itself takes the hash from a class that says what is equal; a frozen one keeps it, as with the standard library.
    own = frozenset(name for name, value in cls.__dict__.items() if (name, value) != ("__hash__", None))
    made = dataclasses.dataclass(init=False, repr=False, eq=False, slots=True, kw_only=kw_only)(cls)
    fields = dataclasses.fields(made)
    if odd := [field.name for field in fields if not field.init or field.hash is not None]:
        raise TypeError(f"{cls.__qualname__}: a noun's fields are all given, and hashed as they are compared: {', '.join(odd)}")
    given = {
        **_METHODS,
        "__init__": _init(made, fields),
        "_shown": tuple(field.name for field in fields if field.repr),
        "_compared": _getter(field.name for field in fields if field.compare),
    }
    for name, value in given.items():
        if name not in own:
            setattr(made, name, value)
    return made


def _getter(names: Any) -> Any:
    """What gives the values of these attributes, as something to compare and to hash."""
    names = tuple(names)
    return attrgetter(*names) if names else type


def _init(cls: type[Any], fields: tuple[dataclasses.Field[Any], ...]) -> Any:
    """`__init__` of a class of which none was made yet: it puts the real one in its place."""

    def __init__(self: Any, *given: Any, **named: Any) -> None:  # noqa: N807 - that is what it becomes
        cls.__init__ = _compiled(cls, fields)
        cls.__init__(self, *given, **named)

    return __init__


def _compiled(cls: type[Any], fields: tuple[dataclasses.Field[Any], ...]) -> Any:
    """`__init__`, which fills the slots directly: an attribute that nobody may set cannot be set by it either."""
    given: dict[str, Any] = {"_made_anew": object()}
    plain: list[str] = []
    named: list[str] = []
    body: list[str] = []
    for field in fields:
        name, value, default = field.name, field.name, ""
        given[f"_set_{name}"] = getattr(cls, name).__set__
        if field.default is not dataclasses.MISSING:
            given[f"_default_{name}"] = field.default
            default = f"=_default_{name}"
        elif field.default_factory is not dataclasses.MISSING:
            given[f"_default_{name}"] = field.default_factory
            default = "=_made_anew"
            value = f"_default_{name}() if {name} is _made_anew else {name}"
        (named if field.kw_only else plain).append(name + default)
        body.append(f"  _set_{name}(self, {value})\n")
    if hasattr(cls, "__post_init__"):
        body.append("  self.__post_init__()\n")
    parameters = ", ".join(("self", *plain, *(("*", *named) if named else ())))
    source = f"def make({', '.join(given)}):\n def __init__({parameters}):\n{''.join(body) or '  pass'}\n return __init__\n"
    compiled: dict[str, Any] = {}
    exec(source, sys.modules[cls.__module__].__dict__, compiled)  # noqa: S102 - names of fields, which are in our own source
    init = compiled["make"](**given)
    init.__qualname__ = f"{cls.__qualname__}.__init__"
    init.__annotations__ = {field.name: field.type for field in fields} | {"return": None}
    return init


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


_METHODS: Final = {
    name: _Same.__dict__[name]
    for name in ("__repr__", "__eq__", "__hash__", "__setattr__", "__delattr__", "__getstate__", "__setstate__")
}
