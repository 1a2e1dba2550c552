"""schedules.toml: read strictly, told with the line, changed without touching what others wrote."""

from __future__ import annotations

import tomllib
from datetime import UTC, datetime

import click
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from preserve.cli import captureoptions
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


def read(text: str) -> tuple[Schedule, ...]:
    """The schedules of a text without a mistake."""
    timetable = schedules.parse(text)
    assert timetable.mistakes == ()
    return timetable.schedules


def test_a_hand_made_file_is_read() -> None:
    bridge, ferry = read(HAND_MADE)
    assert (bridge.id, bridge.cron, bridge.timezone, bridge.documents, bridge.notify, bridge.line) == (
        "bridge", "0 3 * * *", "Europe/Berlin", ("bridge.txt", "piers.pdf"), ("desk",), 5,
    )  # fmt: skip
    assert bridge.options == (("concurrency", 4), ("where", "notes"))
    assert (ferry.every, ferry.timezone, ferry.created.year, ferry.line) == (604800, "UTC", 1970, 21)
    assert schedules.line_of(HAND_MADE.split("\n"), bridge, "timezone") == 8
    assert schedules.line_of(HAND_MADE.split("\n"), ferry, "timezone") == 21


def test_adding_leaves_every_byte_before_it() -> None:
    grown = schedules.add(HAND_MADE, new())
    assert grown.startswith(HAND_MADE)
    assert [schedule.id for schedule in read(grown)] == ["bridge", "ferry", "new"]


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
    assert [schedule.id for schedule in read(inline)] == ["a", "b"]
    with pytest.raises(ConfigError, match=r"cannot be changed safely") as caught:
        schedules.remove(inline, "a")
    assert caught.value.exit_code == 3


def test_a_header_inside_a_text_does_not_mislead() -> None:
    tricky = HAND_MADE + '\n[[schedule]]\nid = "odd"\nevery = "1d"\nurls = ["""\\\n[[schedule]]\n"""]\n'
    assert [schedule.id for schedule in read(tricky)] == ["bridge", "ferry", "odd"]
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
        (ENTRY + "[[schedule.options]]\ndelay = 1\n", 5, "[schedule.options], in single brackets"),
        (ENTRY + "[[ schedule . 'options' ]]\ndelay = 1\n", 5, "[schedule.options], in single brackets"),
        (ENTRY + "[schedule.'options']\nid = 'b'\n", 6, "'id' stands among the options"),
        (ENTRY + "options = {every = '1d'}\n", 5, "'every' stands among the options"),
        (ENTRY + "options.delay = 1\noptions.every = '1d'\n", 6, "'every' stands among the options"),
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
    (mistake,) = schedules.parse(text).mistakes
    assert mistake.message.startswith(f"schedules.toml line {line}: "), mistake
    assert why in mistake.why, mistake


OTHER = '[[schedule]]\nid = "z"\nevery = "1w"\nurls = ["http://z.example/"]\n'


@pytest.mark.parametrize(
    ("wrong", "line", "why", "id_"),
    [
        (ENTRY.replace('"1d"', '"1 day"'), 5 + 3, "every = '1 day'", "a"),
        (ENTRY.replace('"1d"', "soon"), 5 + 3, "Invalid value", "a"),
        (ENTRY.replace('"]', "]"), 5 + 4, "Illegal character", "a"),
        (ENTRY.replace('"]', '"'), 5 + 4, "Unclosed array", "a"),
        (ENTRY.replace('"a"', "a"), 5 + 2, "Invalid value", None),
        (ENTRY.replace('"a"', '"A"'), 5 + 2, "bad id", None),
        (ENTRY.replace('"a"', '"z"'), 5 + 2, "a second schedule 'z'", "z"),
        (ENTRY.replace("every", "evry"), 5 + 3, "unknown: 'evry'", "a"),
        (ENTRY + "[options]\nproxy = 'http://p.example/'\n", 5 + 5, "unknown: 'options'", "a"),
        (ENTRY + "[schedule.option]\n", 5 + 5, "unknown: 'option'", "a"),
        (ENTRY.replace("]]", "]"), 5 + 1, "Cannot declare", None),
        (ENTRY + "# caf\udce9\nurl_lists = []\n", 5 + 5, "not UTF-8", "a"),
        (ENTRY + "id = 'a'\n", 5 + 5, "Cannot overwrite", "a"),
        (ENTRY + "id = 'b'\n", 5 + 5, "Cannot overwrite", None),
        (ENTRY + "\x00", 5 + 5, "Invalid statement", "a"),
    ],
)
def test_a_mistake_costs_the_entry_in_which_it_stands_alone(wrong: str, line: int, why: str, id_: str | None) -> None:
    last = OTHER.replace('"z"', '"last"')
    timetable = schedules.parse(f"{OTHER}\n{wrong}\n# The last.\n{last}")
    (mistake,) = timetable.mistakes
    if "Cannot declare" in why:  # one bracket too few: what is above it may lack its rest
        assert [schedule.id for schedule in timetable.schedules] == ["last"]
        assert (mistake.line, mistake.id) == (6, None)
        return
    assert [schedule.id for schedule in timetable.schedules] == ["z", "last"]
    assert (mistake.line, mistake.id, mistake.begin) == (line, id_, 6)
    assert why in mistake.why


@pytest.mark.parametrize(
    "header",
    ["", "[schedule]", "[[schedule]", "[[schedul]]", "[[Schedule]]", "[ [schedule] ]", "[[schedule]],", '[["\\u0073chedule"]]'],
)
def test_an_entry_whose_header_is_wrong_is_neither_run_nor_forgotten(header: str) -> None:
    """It lies in the entry above it, which is not to be run, or taken out, for both."""
    text = "\n".join((ENTRY, OTHER.replace("[[schedule]]", header), OTHER.replace('"z"', '"last"')))
    timetable = schedules.parse(text)
    assert [schedule.id for schedule in timetable.schedules] == ["last"]
    assert [(mistake.id, mistake.begin) for mistake in timetable.mistakes] == [(None, 1)]
    assert not timetable.names_all, "what is remembered of z is kept"
    for id_ in ("a", "z"):
        with pytest.raises(ConfigError, match=rf"no schedule '{id_}' that can be read"):
            schedules.remove(text, id_)
        again = schedules.parse("\n".join((text, OTHER.replace("z", id_))))
        assert [schedule.id for schedule in again.schedules] == ["last"], "the memory of that name is the first one's"


@pytest.mark.parametrize("header", ["", "# [[schedule]]"])
@pytest.mark.parametrize("options", ["", "proxy = 'http://p.example/'\n"])
@pytest.mark.parametrize("below", [OTHER, OTHER.replace('id = "z"\n', ""), OTHER.replace('id = "z"\nevery = "1w"\n', "")])
def test_an_entry_without_a_header_below_options_is_not_taken_for_options(header: str, options: str, below: str) -> None:
    """Which of these were meant for which cannot be told: neither is run, and none forgotten."""
    lost = below.replace("[[schedule]]", header)
    text = f"{ENTRY}[schedule.options]\n{options}{lost}\n" + OTHER.replace('"z"', '"last"')
    timetable = schedules.parse(text)
    assert [schedule.id for schedule in timetable.schedules] == ["last"]
    (mistake,) = timetable.mistakes
    assert text.split("\n")[mistake.line - 1] == below.split("\n")[1], "where the entry begins that has no header"
    assert mistake.line > 5
    assert "a header [[schedule]] may be missing above it" in mistake.why
    assert (mistake.id, mistake.begin) == (None, 1)
    assert not timetable.names_all
    for above in (ENTRY, ENTRY + "evry = '2d'\n"):
        assert schedules.parse(f"{above}\n{text.replace(ENTRY, above)}").mistakes[-1].id is None
    again = schedules.parse(text + "\n" + OTHER)
    assert [schedule.id for schedule in again.schedules] == (["last"] if 'id = "z"' in below else ["last", "z"])


def test_no_option_of_a_capture_is_called_as_a_member_of_a_schedule() -> None:
    @click.command()
    @captureoptions.options
    def capture(**_: object) -> None:
        """Nothing but the options."""

    names = {name.lstrip("-") for option in capture.params for name in option.opts}
    assert "delay" in names
    assert schedules.MEMBERS.isdisjoint(names)


def test_a_comment_belongs_to_the_entry_below_it() -> None:
    timetable = schedules.parse(f"{OTHER}\n# Caf\udce9s.\n{ENTRY}")
    assert [schedule.id for schedule in timetable.schedules] == ["z"]
    assert [(mistake.line, mistake.id, mistake.why) for mistake in timetable.mistakes] == [(6, "a", "not UTF-8 text")]


@pytest.mark.parametrize("above", ["every = '1d'", "[schedule.options]", "[options]", "x = "])
def test_what_stands_before_the_first_entry_may_be_its_own(above: str) -> None:
    """Its options, say: without the proxy that they name it would ask by a way that nobody chose."""
    timetable = schedules.parse(f"{above}\n{ENTRY}\n{OTHER}")
    assert [schedule.id for schedule in timetable.schedules] == ["z"]
    assert [(mistake.line, mistake.id) for mistake in timetable.mistakes] == [(1, "a")]


@pytest.mark.parametrize("mistake", ["x = \n", "x = '''\n", "x = 1\n"])
def test_where_texts_run_over_lines_a_file_is_read_whole_or_not_at_all(mistake: str) -> None:
    """What looks like a header may be inside such a text: no entry can be told from one that is only spoken of."""
    timetable = schedules.parse(f'{mistake}{ENTRY}\n{OTHER}documents = ["""\n{ENTRY}"""]\n')
    assert timetable.schedules == ()
    assert len(timetable.mistakes) == 1
    assert not timetable.names_all


def test_a_file_of_windows_is_read_and_changed_in_its_own_way() -> None:
    windows = "\ufeff" + HAND_MADE.replace("\n", "\r\n").replace("    ", "\t").replace("  ", "\t")
    assert [schedule.line for schedule in read(windows)] == [5, 21]
    assert schedules.remove(schedules.add(windows, new()), "new") == windows
    assert "\n" not in schedules.add(windows, new()).replace("\r\n", "")
    assert [schedule.id for schedule in read(schedules.remove(windows, "bridge"))] == ["ferry"]
    first = "\ufeff" + ENTRY.replace('"1d"', '"soon"')
    assert schedules.parse(first).mistakes[0].line == 3
    assert schedules.remove("\ufeff" + ENTRY, "a") == "\ufeff"


def test_other_entries_can_be_added_and_taken_out_beside_a_mistake() -> None:
    wrong = ENTRY.replace('"1d"', "soon") + "# caf\udce9\n"
    text = f"{OTHER}\n{wrong}"
    assert schedules.remove(schedules.add(text, new()), "new") == text
    assert schedules.remove(text, "z").strip() == wrong.strip()
    assert schedules.remove(text, "a") == OTHER
    with pytest.raises(ConfigError, match=r"no schedule 'b'"):
        schedules.remove(text, "b")
    with pytest.raises(ConfigError, match=r"no schedule 'b' that can be read; schedules.toml line 2: bad id"):
        schedules.remove(ENTRY.replace('"a"', '"B"'), "b")
    with pytest.raises(ConfigError, match=r"several schedules are called 'a', at lines 1 and 6"):
        schedules.remove(f"{ENTRY}\n{ENTRY}", "a")


def test_lines_are_named_where_entries_have_no_headers() -> None:
    text = (
        "schedule = [\n  {id = 'a', every = '1d', urls = ['http://a.example/']},\n  {id = 'b', every = 'soon', urls = []},\n]\n"
    )
    timetable = schedules.parse(text)
    assert [(schedule.id, schedule.line) for schedule in timetable.schedules] == [("a", 2)]
    assert [(mistake.id, mistake.line) for mistake in timetable.mistakes] == [("b", 3)]


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
    present = {schedule.id for schedule in read(HAND_MADE)}
    added = [schedule for schedule in added if schedule.id not in present]
    for schedule in added:
        text = schedules.add(text, schedule)
    back = {schedule.id: schedule for schedule in read(text)}
    for schedule in added:
        found = back[schedule.id]
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
    assert read(text)[0].options == (("user-agent", "odd\u2028\x85\u2029one"),)


@given(st.text(max_size=200))
def test_no_text_makes_it_fall_over(text: str) -> None:
    timetable = schedules.parse(text)
    assert timetable.schedules == ()
    for mistake in timetable.mistakes:
        assert 1 <= mistake.line <= text.count("\n") + 1


@given(
    pieces=st.lists(
        st.sampled_from(
            [ENTRY, OTHER, HAND_MADE, "[schedule.options]\n", "x = 1\n", "# y\n", "[[schedule]]\n", "]", "\r\n", '"', "\udce9"]
        )
    )
)
@settings(max_examples=300)
def test_entries_read_one_by_one_are_those_of_the_whole(pieces: list[str]) -> None:
    """Where the whole file is TOML, and holds nothing else, its entries are either read as they stand in it, or told as mistakes."""
    text = "".join(pieces)
    timetable = schedules.parse(text)
    try:
        entries = tomllib.loads(text.encode(errors="surrogateescape").decode()).get("schedule", [])
    except (tomllib.TOMLDecodeError, UnicodeDecodeError):
        assert timetable.mistakes
        return
    if not isinstance(entries, list):
        assert timetable.mistakes
        return
    whole = [entry.get("id") for entry in entries]
    assert len(timetable.schedules) + len({mistake.begin for mistake in timetable.mistakes if mistake.begin}) == len(whole)
    assert [schedule.id for schedule in timetable.schedules] == [
        id_ for id_ in dict.fromkeys(whole) if id_ in {s.id for s in timetable.schedules}
    ]
    for mistake in timetable.mistakes:
        assert 1 <= mistake.line <= text.count("\n") + 1
