"""What the documents promise a reader, held against the project itself."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from preserve.errors import ExitCode
from running import ROOT

_OURS = sorted(
    path
    for pattern in ("*", ".ci/*", "docs/**/*", "src/**/*", "tests/**/*", "tools/*", "manifests/**/*", "bench/*")
    for path in ROOT.glob(pattern)
    if path.is_file() and "__pycache__" not in path.parts
)
_PAGES = [path for path in _OURS if path.suffix == ".md" and path.relative_to(ROOT).parts[0] not in {"src", "tests"}]


def _name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def _prose(page: Path) -> str:
    """The page without its fenced blocks."""
    return re.sub(r"^```.*?^```$", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)


def _anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as the usual renderers make them."""
    headings = re.findall(r"^#+ (.+)$", _prose(page), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", _PAGES, ids=_name)
def test_links_within_the_project_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", _prose(page)):
        if re.match(r"[a-z]+:", target):
            assert target.startswith("https://"), target
            continue
        path, _, anchor = target.partition("#")
        file = (page.parent / path).resolve() if path else page
        assert file.is_file(), f"{target}: no such file"
        if anchor:
            assert anchor in _anchors(file), f"{target}: no such heading"


@pytest.mark.parametrize("source", [path for path in _OURS if path.suffix in {".py", ".md"}], ids=_name)
def test_documents_that_are_named_exist(source: Path) -> None:
    for named in re.findall(r"\bdocs/(?:formats|guide|adr)/[a-z0-9-]+(?:\.md)?", source.read_text(encoding="utf-8")):
        found = list(ROOT.glob(named if named.endswith(".md") else f"{named}*"))
        assert found, f"{named} is named but not there"


def test_readme_begins_with_two_commands() -> None:
    lines = (ROOT / "README.md").read_text(encoding="utf-8").splitlines()
    fences = [number for number, line in enumerate(lines[:60]) if line.startswith("```")]
    assert len(fences) % 2 == 0, "a block must not run over line 60"
    commands = [line for start, end in zip(fences[::2], fences[1::2], strict=True) for line in lines[start + 1 : end]]
    assert commands == ["make capture", "make test"]


def test_the_folders_of_tests_are_those_that_contributing_names() -> None:
    page = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    named = set(re.findall(r"^\| `(\w+)/` \|", page, re.MULTILINE))
    assert named == {path.name for path in (ROOT / "tests").iterdir() if path.is_dir() and path.name != "__pycache__"}
    for test in re.findall(r"tests/\w+/\w+\.py", page):
        assert (ROOT / test).is_file(), test


def test_the_rooms_of_the_architecture_are_there() -> None:
    page = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")
    source = ROOT / "src" / "preserve"
    for room in re.findall(r"`(\w+/(?:\w+/)*(?:\w+\.py)?|\w+\.py)`", page):
        assert (source / room).exists() or (ROOT / room).exists(), room
    drawn = {path.name for path in source.iterdir() if path.is_dir() and path.name != "__pycache__"}
    assert {room for room in drawn if f"{room}/" not in page} == set()
    for listed in re.findall(r"`rules/`: ([^|]+) \|", page):
        for name in re.findall(r"[a-z_]+", listed.partition(" for ")[0]):
            assert name == "and" or list((source / "rules").glob(f"{name}*.py")), name


def test_every_exit_code_is_documented() -> None:
    rows = re.findall(r"^\| (\d+) \| (.+?) \|", (ROOT / "docs" / "reference.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert {int(code) for code, _ in rows} == {int(code) for code in ExitCode}


def test_every_environment_variable_is_documented() -> None:
    sources = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "src").rglob("*.py"))
    variables = set(re.findall(r"\b(?:PRESERVE_|XDG_)[A-Z_]+", sources))
    page = (ROOT / "docs" / "reference.md").read_text(encoding="utf-8")
    assert {variable for variable in variables if f"| `{variable}` |" not in page} == set()


def test_the_reference_is_what_help_says() -> None:
    # In a process of its own: a command remembers the options of help that it was first asked with.
    tool = f"import runpy; tool = runpy.run_path({str(ROOT / 'tools' / 'reference.py')!r}); page = tool['PAGE'].read_text('utf-8');"
    told = "print(page.count(tool['MARKER']), tool['woven'](page) == page)"
    done = subprocess.run([sys.executable, "-c", tool + told], capture_output=True, encoding="utf-8", check=True)
    assert done.stdout == "1 True\n", "run `make reference`"


@pytest.mark.parametrize("record", sorted((ROOT / "docs" / "adr").glob("0*.md")), ids=_name)
def test_decisions_have_one_form(record: Path) -> None:
    text = record.read_text(encoding="utf-8")
    number = record.name[:4]
    assert re.match(rf"# {number}: .+\n\n\*Status: .+\*\n", text)
    assert [heading for heading in re.findall(r"^## (.+)$", text, re.MULTILINE) if heading in {"Decision", "Refused"}] == [
        "Decision",
        "Refused",
    ]


def test_decisions_are_numbered_once() -> None:
    numbers = [path.name[:4] for path in (ROOT / "docs" / "adr").glob("*.md")]
    assert len(numbers) == len(set(numbers))


def test_every_format_is_in_the_index() -> None:
    folder = ROOT / "docs" / "formats"
    listed = set(re.findall(r"^\| \[(\S+\.md)\]", (folder / "README.md").read_text(encoding="utf-8"), re.MULTILINE))
    assert {page.name for page in folder.glob("*.md")} - {"README.md"} == listed


def test_nothing_names_where_packages_come_from() -> None:
    # Written apart, so that this file does not name them either.
    hosts = [
        ".".join(parts)
        for parts in (("pypi", "org"), ("python" + "hosted", "org"), ("npmjs", "com"), ("npmjs", "org"), ("crates", "io"))
    ]
    hosts.append(".".join(("deb", "debian", "org")))
    naming = [_name(path) for path in _OURS for host in hosts if host.encode() in path.read_bytes()]
    assert naming == []


@pytest.mark.parametrize("lock", ["constraints.txt", "constraints-test.txt"])
def test_locks_hold_hashes_and_no_address(lock: str) -> None:
    text = (ROOT / lock).read_text(encoding="utf-8")
    assert "://" not in text
    assert not re.search(r"^ *--(?!hash=sha256:)", text, re.MULTILINE), "an option other than a hash"
    for requirement in re.split(r"\n(?=\S)", re.sub(r"^#.*\n|^\n", "", text, flags=re.MULTILINE).strip()):
        assert re.match(r"[a-z0-9-]+==\S+ .*\\\n(?: +--hash=sha256:[0-9a-f]{64}(?: \\)?\n?)+(?: +#.*\n?)*\Z", requirement), (
            requirement[:80]
        )


def _pins(lock: str) -> dict[str, str]:
    return dict(re.findall(r"^([a-z0-9-]+)==(\S+)", (ROOT / lock).read_text(encoding="utf-8"), re.MULTILINE))


def test_locks_cover_what_the_project_asks_for() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))

    def names(requirements: list[str]) -> set[str]:
        return {re.split(r"[^A-Za-z0-9._-]", requirement)[0].lower().replace("_", "-") for requirement in requirements}

    run, test = _pins("constraints.txt"), _pins("constraints-test.txt")
    extras = [requirement for extra in project["project"].get("optional-dependencies", {}).values() for requirement in extra]
    assert names(project["project"]["dependencies"]) | names(extras) | names(project["build-system"]["requires"]) <= set(run)
    assert names(project["dependency-groups"]["test"]) <= set(test)
    assert {name: test[name] for name in run.keys() & test.keys()} == {name: run[name] for name in run.keys() & test.keys()}


def test_the_version_is_one() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert f'__version__ = "{project["version"]}"' in (ROOT / "src" / "preserve" / "__init__.py").read_text(encoding="utf-8")
