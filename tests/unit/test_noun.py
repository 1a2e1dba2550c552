"""The model's `dataclass` does what the standard library's does."""

from __future__ import annotations

import copy
import dataclasses
import inspect
import pickle
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, ClassVar, get_type_hints

import pytest
from hypothesis import given
from hypothesis import strategies as st

import preserve.model.noun
from preserve.model.web import Resolution

Decorator = Callable[..., Any]
EITHER = (("ours", preserve.model.noun.dataclass), ("theirs", dataclasses.dataclass))
EACH = pytest.mark.parametrize("dataclass", [pytest.param(each, id=name) for name, each in EITHER])


def place(dataclass: Decorator) -> Any:
    @dataclass(frozen=True, slots=True, kw_only=True)
    class Place:
        """Where something is."""

        name: str
        parts: tuple[int, ...] = ()
        notes: dict[str, str] = dataclasses.field(default_factory=dict, compare=False)
        secret: str = dataclasses.field(default="", repr=False)

        def __post_init__(self) -> None:
            if not self.name:
                raise ValueError("a place has a name")

        @property
        def long(self) -> int:
            return len(self.name)

    return Place


def in_order(dataclass: Decorator) -> Any:
    @dataclass(frozen=True, slots=True)
    class Pair:
        one: int
        two: int = 2

    return Pair


def inherited(dataclass: Decorator) -> Any:
    @dataclass(frozen=True, slots=True, kw_only=True)
    class Body:
        kind: str = "body"

        def __post_init__(self) -> None:
            assert self.kind

    @dataclass(frozen=True, slots=True, kw_only=True)
    class Note(Body):
        text: str

        def __repr__(self) -> str:
            return "a note"

    return Note


class TestBoth:
    @EACH
    def test_it_is_made_by_name_with_defaults(self, dataclass: Decorator) -> None:
        made = place(dataclass)(name="here")
        assert (made.name, made.parts, made.notes, made.secret, made.long) == ("here", (), {}, "", 4)
        assert made.notes is not place(dataclass)(name="here").notes
        with pytest.raises(TypeError):
            place(dataclass)("here")
        with pytest.raises(TypeError):
            place(dataclass)()
        with pytest.raises(TypeError):
            place(dataclass)(name="here", other=1)
        with pytest.raises(ValueError, match="has a name"):
            place(dataclass)(name="")

    @EACH
    def test_nothing_of_it_changes(self, dataclass: Decorator) -> None:
        made = place(dataclass)(name="here")
        with pytest.raises(dataclasses.FrozenInstanceError):
            made.name = "there"
        with pytest.raises(dataclasses.FrozenInstanceError):
            del made.name
        assert not hasattr(made, "__dict__")

    @EACH
    def test_it_is_shown_and_compared(self, dataclass: Decorator) -> None:
        kind = place(dataclass)
        made = kind(name="here", parts=(1,), notes={"a": "b"}, secret="s")
        assert repr(made).endswith("Place(name='here', parts=(1,), notes={'a': 'b'})")
        same, other = kind(name="here", parts=(1,), secret="s"), kind(name="here", parts=(1,))
        assert made == same
        assert hash(made) == hash(same)
        assert made != other
        assert made != place(dataclass)(name="here", parts=(1,), secret="s")
        assert made != "here"

    @EACH
    def test_the_tools_know_it(self, dataclass: Decorator) -> None:
        kind = place(dataclass)
        made = kind(name="here", parts=(1, 2))
        assert [field.name for field in dataclasses.fields(kind)] == ["name", "parts", "notes", "secret"]
        assert dataclasses.asdict(made) == {"name": "here", "parts": (1, 2), "notes": {}, "secret": ""}
        assert dataclasses.replace(made, name="there") == kind(name="there", parts=(1, 2))
        with pytest.raises(ValueError, match="has a name"):
            dataclasses.replace(made, name="")
        assert list(inspect.signature(kind).parameters) == ["name", "parts", "notes", "secret"]
        assert get_type_hints(kind.__init__)["parts"] == tuple[int, ...]
        assert kind.__doc__ == "Where something is."

    @EACH
    def test_it_is_copied(self, dataclass: Decorator) -> None:
        made = place(dataclass)(name="here", parts=(1,), notes={"a": "b"})
        assert copy.copy(made) == made
        deep = copy.deepcopy(made)
        assert (deep, deep.notes) == (made, {"a": "b"})
        assert deep.notes is not made.notes

    @EACH
    def test_it_goes_by_position_where_it_may(self, dataclass: Decorator) -> None:
        pair = in_order(dataclass)
        assert (pair(1), pair(1, 3), pair(two=3, one=1)) == (pair(1, 2), pair(1, 3), pair(1, 3))
        match pair(5, 6):
            case pair(one, two):
                assert (one, two) == (5, 6)
            case _:
                pytest.fail("not matched by position")

    @EACH
    def test_it_inherits(self, dataclass: Decorator) -> None:
        made = inherited(dataclass)(text="words")
        assert (made.kind, made.text, repr(made)) == ("body", "words", "a note")
        assert made == dataclasses.replace(made, kind="body")
        with pytest.raises(AssertionError):
            inherited(dataclass)(text="", kind="")

    @EACH
    def test_the_first_ones_are_made_as_all_others(self, dataclass: Decorator) -> None:
        kind = place(dataclass)
        made = [kind(name=str(number), parts=(number,)) for number in range(5)]
        assert made == [kind(name=str(number), parts=(number,)) for number in range(5)]
        assert len({repr(each) for each in made}) == 5
        pair = in_order(dataclass)
        assert [pair(one=1), pair(one=1, two=2), pair(two=2, one=1), pair(1)] == [pair(1, 2)] * 4
        other = inherited(dataclass)
        assert [other(text="a").kind for _ in range(4)] == ["body"] * 4
        for number in range(4):
            with pytest.raises(TypeError):
                place(dataclass)(**{"name": "n"} | {"parts": ()} | ({"odd": 1} if number % 2 else {"names": ""}))

    @EACH
    def test_what_belongs_to_the_class_is_no_field(self, dataclass: Decorator) -> None:
        @dataclass(frozen=True, slots=True, kw_only=True)
        class Kind:
            name: ClassVar[str]
            text: str

        @dataclass(frozen=True, slots=True, kw_only=True)
        class Note(Kind):
            name: ClassVar[str] = "note"
            length: int = 0

        assert [field.name for field in dataclasses.fields(Note)] == ["text", "length"]
        assert (Note.name, Note(text="a", length=1).text) == ("note", "a")
        with pytest.raises(TypeError):
            Note(text="a", name="b")  # type: ignore[call-arg] # that is what is tried

    @EACH
    def test_a_default_that_can_be_changed_is_refused(self, dataclass: Decorator) -> None:
        with pytest.raises(ValueError, match="default"):

            @dataclass(frozen=True, slots=True)
            class Odd:
                parts: list[int] = []  # noqa: RUF012 -- that is what is tried

    @EACH
    def test_what_is_missing_is_named(self, dataclass: Decorator) -> None:
        @dataclass(frozen=True, slots=True, kw_only=True)
        class Other:
            title: str
            parts: tuple[int, ...] = (1,)

        with pytest.raises(TypeError, match=r"Other\.__init__\(\) missing 1 required keyword-only argument: 'title'"):
            Other()  # type: ignore[call-arg] # that is what is tried
        with pytest.raises(TypeError, match="unexpected keyword argument 'name'"):
            Other(title="t", name="n")  # type: ignore[call-arg] # that is what is tried
        # Another one with as many fields shares nothing with it.
        assert place(dataclass)(name="n").parts == ()
        assert Other(title="t").parts == (1,)

    @EACH
    def test_what_says_itself_when_it_is_equal_can_be_hashed(self, dataclass: Decorator) -> None:
        @dataclass(frozen=True, slots=True)
        class Modulo:  # noqa: PLW1641 - that is what is tried
            value: int

            def __eq__(self, other: object) -> bool:
                return isinstance(other, Modulo) and (self.value - other.value) % 2 == 0

        assert Modulo(1) == Modulo(3)
        assert len({Modulo(1), Modulo(1)}) == 1


@pytest.mark.parametrize(
    "field", [dataclasses.field(init=False, default=0), dataclasses.field(hash=False)], ids=["init", "hash"]
)
def test_what_it_does_not_do_is_refused(field: Any) -> None:
    with pytest.raises(TypeError, match="value"):

        @preserve.model.noun.dataclass(frozen=True, slots=True)
        class Odd:
            value: int = field


def test_what_no_noun_has_is_refused() -> None:
    with pytest.raises(TypeError, match="plain"):

        @preserve.model.noun.dataclass(frozen=True, slots=True)
        class Odd:
            value: dataclasses.InitVar[int]


@given(names=st.tuples(st.text(), st.text()), parts=st.tuples(st.lists(st.integers()), st.lists(st.integers())))
def test_both_find_the_same_equal(names: tuple[str, str], parts: tuple[list[int], list[int]]) -> None:
    found = []
    for _, dataclass in EITHER:
        kind = place(dataclass)
        one, two = (kind(name=f"n{name}", parts=tuple(some)) for name, some in zip(names, parts, strict=True))
        found.append((one == two, repr(one).rpartition(".")[2], repr(two).rpartition(".")[2]))
        assert one != two or hash(one) == hash(two)
    assert found[0] == found[1]


def test_it_is_pickled() -> None:
    at = datetime(2026, 11, 20, 12, tzinfo=UTC)
    made = Resolution(host="a.example", addresses=("192.0.2.1",), at=at, source="dns")
    assert pickle.loads(pickle.dumps(made)) == made


@EACH
def test_one_that_is_not_frozen_changes(dataclass: Decorator) -> None:
    @dataclass(slots=True)
    class Tally:
        """What was counted."""

        name: str
        count: int = 0
        seen: list[str] = dataclasses.field(default_factory=list)

        def add(self, what: str) -> None:
            self.count += 1
            self.seen.append(what)

    made, other = Tally("n"), Tally("n")
    assert made == other
    made.add("a")
    assert (made.count, made.seen, other.seen) == (1, ["a"], [])
    assert made != other
    assert repr(made).endswith("Tally(name='n', count=1, seen=['a'])")
    assert copy.deepcopy(made) == made
    assert dataclasses.replace(made, count=0).seen is made.seen
    with pytest.raises(TypeError, match="unhashable"):
        hash(made)
    with pytest.raises(AttributeError):
        made.other = 1  # type: ignore[attr-defined] # that is what is tried
    del made.count
    with pytest.raises(AttributeError):
        _ = made.count


def test_other_forms_are_the_standard_librarys() -> None:
    @preserve.model.noun.dataclass(slots=True, order=True)
    class Ordered:
        value: int = 0

    assert Ordered(1) < Ordered(2)
