"""schedules.toml: read strictly, told with the line, changed without touching what others wrote."""

from __future__ import annotations

import tomllib
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from preserve.errors import ConfigError
from preserve.formats import _plainschedules, schedules
from preserve.model.schedule import Schedule

HAND_MADE = """\
# All that the library watches.
# Ask Ada before changing anything.

# The bridge, every night.
[[schedule]]
id = "bridge"     # she knows it by this name
cron = "0 3 * * *"
timezone = "Europe/Berlin"
documents = [
  "bridge.txt",   # the survey
  "piers.pdf",
]
notify = ["desk"]
created = 2026-11-21T17:02:45Z

[schedule.options]
concurrency = 4
where = "notes"

# Weekly.
[[schedule]]
id = "ferry"
every = "1w"
urls = ["http://ferry.example/"]
"""


def new(**members: object) -> Schedule:
    given = {"id": "new", "every": 3600, "cron": None, "timezone": "UTC", "created": datetime(2026, 1, 1, tzinfo=UTC)}
    return Schedule(**{**given, "urls": ("http://a.example/",), **members})  # type: ignore[arg-type]


def test_a_hand_made_file_is_read() -> None:
    bridge, ferry = schedules.parse(HAND_MADE)
    assert (bridge.id, bridge.cron, bridge.timezone, bridge.documents, bridge.notify, bridge.line) == (
        "bridge", "0 3 * * *", "Europe/Berlin", ("bridge.txt", "piers.pdf"), ("desk",), 5,
    )  # fmt: skip
    assert bridge.options == (("concurrency", 4), ("where", "notes"))
    assert (ferry.every, ferry.timezone, ferry.created.year, ferry.line) == (604800, "UTC", 1970, 21)
    assert schedules.line_of(HAND_MADE, bridge, "timezone") == 8
    assert schedules.line_of(HAND_MADE, ferry, "timezone") == 21


def test_adding_leaves_every_byte_before_it() -> None:
    grown = schedules.add(HAND_MADE, new())
    assert grown.startswith(HAND_MADE)
    assert [schedule.id for schedule in schedules.parse(grown)] == ["bridge", "ferry", "new"]


def test_what_was_added_goes_without_a_trace() -> None:
    assert schedules.remove(schedules.add(HAND_MADE, new()), "new") == HAND_MADE


def test_removing_takes_the_entry_with_its_comment_and_nothing_else() -> None:
    rest = schedules.remove(HAND_MADE, "bridge")
    assert rest == (
        "# All that the library watches.\n# Ask Ada before changing anything.\n\n"
        '# Weekly.\n[[schedule]]\nid = "ferry"\nevery = "1w"\nurls = ["http://ferry.example/"]\n'
    )
    rest = schedules.remove(HAND_MADE, "ferry")
    assert HAND_MADE.startswith(rest)
    assert "Weekly" not in rest


def test_a_second_schedule_of_one_id_is_not_added() -> None:
    with pytest.raises(ConfigError, match="a second schedule 'ferry'"):
        schedules.add(HAND_MADE, new(id="ferry"))


def test_a_file_written_in_another_way_is_read_but_not_cut() -> None:
    inline = 'schedule = [{id = "a", every = "1d", urls = ["http://a.example/"]}, {id = "b", every = "1d", urls = ["http://b.example/"]}]\n'
    assert [schedule.id for schedule in schedules.parse(inline)] == ["a", "b"]
    with pytest.raises(ConfigError, match=r"cannot be changed safely") as caught:
        schedules.remove(inline, "a")
    assert caught.value.exit_code == 3


def test_a_header_inside_a_text_does_not_mislead() -> None:
    tricky = HAND_MADE + '\n[[schedule]]\nid = "odd"\nevery = "1d"\nurls = ["""\\\n[[schedule]]\n"""]\n'
    assert [schedule.id for schedule in schedules.parse(tricky)] == ["bridge", "ferry", "odd"]
    with pytest.raises(ConfigError, match=r"cannot be changed safely"):
        schedules.remove(tricky, "ferry")


ENTRY = '[[schedule]]\nid = "a"\nevery = "1d"\nurls = ["http://a.example/"]\n'


@pytest.mark.parametrize(
    ("text", "line", "why"),
    [
        (f"{ENTRY}\n{ENTRY}", 7, "a second schedule 'a'"),
        (ENTRY.replace('"1d"', '"1 day"'), 3, "every = '1 day'"),
        (ENTRY.replace('"1d"', '"0"'), 3, "no interval"),
        (ENTRY.replace('"1d"', "86400"), 3, "'every' is not a text"),
        (ENTRY + 'cron = "0 3 * * *"\n', 5, "either 'every' or 'cron'"),
        (ENTRY.replace("every", "evry"), 3, "unknown: 'evry'"),
        (ENTRY.replace('id = "a"\n', ""), 1, "'id' is missing"),
        (ENTRY.replace('"a"', '"A b"'), 2, "bad id"),
        (ENTRY.replace('["http://a.example/"]', '"http://a.example/"'), 4, "'urls' is not a list"),
        (ENTRY.replace('urls = ["http://a.example/"]\n', ""), 2, "nothing to capture"),
        (ENTRY + "created = 2026-01-01\n", 5, "'created' is not a time"),
        (ENTRY + "created = 2026-01-01T00:00:00\n", 5, "'created' is not a time"),
        (ENTRY + 'jitter = "soon"\n', 5, "jitter = 'soon'"),
        (ENTRY + "[schedule.options]\ndelay = [1, 2]\n", 6, "option 'delay'"),
        (ENTRY + "\nurls = [\n", 6, "Invalid value"),
        (ENTRY + "every = ", 5, "Invalid value"),
        ("x = 1\n" + ENTRY, 1, "unknown: 'x'"),
        ("\n[schedule]\nid = 1\n", 2, "begins with [[schedule]]"),
        (ENTRY + "x = " + "[" * 5000, 5, "nested too deeply"),
        (ENTRY + "x = " + "{a=" * 5000, 5, "nested too deeply"),
        (ENTRY + "x = " + "9" * 5000, 5, "too many digits"),
    ],
)
def test_a_mistake_is_told_with_its_line(text: str, line: int, why: str) -> None:
    with pytest.raises(ConfigError) as caught:
        schedules.parse(text)
    message = caught.value.message
    assert message.startswith(f"schedules.toml line {line}: "), message
    assert why in message, message


@pytest.mark.parametrize(("text", "seconds"), [("90s", 90), ("30m", 1800), ("12h", 43200), ("1d", 86400), ("2w", 1209600)])
def test_spans(text: str, seconds: int) -> None:
    assert schedules.parse_span(text) == seconds
    assert schedules.parse_span(schedules.span(seconds)) == seconds


@pytest.mark.parametrize("text", ["", "1", "d", "-1d", "0d", "1.5h", "1y", "1 d", "９d", "9999999999s", "99999w"])
def test_what_is_no_span(text: str) -> None:
    assert schedules.parse_span(text) is None


TEXTS = (
    st.text(min_size=1, max_size=20)
    .filter(lambda text: text.strip() != "" and "\x00" not in text)
    .filter(lambda text: not any("\ud800" <= char <= "\udfff" for char in text))
)


SCHEDULES = st.builds(
    new,
    id=st.from_regex(schedules.ID, fullmatch=True),
    documents=st.lists(TEXTS, max_size=2).map(tuple),
    urls=st.lists(TEXTS, min_size=1, max_size=3).map(tuple),
    options=st.dictionaries(
        st.sampled_from(["delay", "where", "tsa", "no-probe"]),
        st.one_of(st.booleans(), st.integers(0, 10**9), st.floats(0, 1e6), TEXTS, st.lists(TEXTS).map(tuple)),
    ).map(lambda options: tuple(options.items())),
)


@given(added=st.lists(SCHEDULES, max_size=4, unique_by=lambda schedule: schedule.id), data=st.data())
def test_whatever_is_added_reads_back_and_goes_again(added: list[Schedule], data: st.DataObject) -> None:
    text = HAND_MADE
    present = {schedule.id for schedule in schedules.parse(HAND_MADE)}
    added = [schedule for schedule in added if schedule.id not in present]
    for schedule in added:
        text = schedules.add(text, schedule)
    read = {schedule.id: schedule for schedule in schedules.parse(text)}
    for schedule in added:
        found = read[schedule.id]
        assert (found.documents, found.urls, found.options, found.every) == (
            schedule.documents, schedule.urls, schedule.options, schedule.every,
        )  # fmt: skip
    for schedule in data.draw(st.permutations(added)):
        text = schedules.remove(text, schedule.id)
    assert text == HAND_MADE


@given(added=st.lists(SCHEDULES, max_size=3, unique_by=lambda schedule: schedule.id), data=st.data())
@settings(max_examples=300)
def test_the_fast_reader_agrees_with_tomllib(added: list[Schedule], data: st.DataObject) -> None:
    """On what `add` writes, and on that with a character changed, left out or put in anywhere: it agrees, or has nothing to say."""
    text = "# é\u2028 # x\n\n"
    for schedule in added:
        text = schedules.add(text, schedule)
    if data.draw(st.booleans()):
        at = data.draw(st.integers(0, len(text) - 1))
        put = data.draw(st.sampled_from(["", "#", '"', "\n", " ", "0", "\\", "[", ",", "\x7f", "\r\n", "é", "_", "x = 1\n"]))
        text = text[:at] + put + text[at + data.draw(st.integers(0, 1)) :]
    plain = _plainschedules.entries(text)
    if plain is None:
        return
    assert plain[0] == tomllib.loads(text).get("schedule", [])
    rows = text.split("\n")
    assert [rows[begin] for begin in plain[1]] == ["[[schedule]]"] * len(plain[0])


def test_the_fast_reader_takes_what_add_writes() -> None:
    text = schedules.add(schedules.add("", new(id="a", options=(("delay", 0.0), ("tsa", ("x", "y"))))), new(id="b", notify=()))
    plain = _plainschedules.entries(text)
    assert plain is not None
    assert plain[0] == tomllib.loads(text)["schedule"]
    assert plain[1] == [2, 12]


def test_a_line_ends_where_toml_says() -> None:
    """Python knows more ends of lines than TOML: in a text they are characters like others."""
    text = schedules.add(
        "", new(id="a", urls=("http://a.example/\u2028b",), options=(("user-agent", "odd\u2028\x85\u2029one"),))
    )
    plain = _plainschedules.entries(text)
    assert plain is not None
    assert plain[0] == tomllib.loads(text)["schedule"]
    assert schedules.parse(text)[0].options == (("user-agent", "odd\u2028\x85\u2029one"),)


@given(st.text(max_size=200))
def test_no_text_makes_it_fall_over(text: str) -> None:
    told = ""
    try:
        schedules.parse(text)
    except ConfigError as problem:
        told = problem.message
    assert not told or told.startswith("schedules.toml line ")
