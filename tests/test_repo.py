"""Promises that no single module keeps: vendored files, templates, pinned versions, the container, the Makefile."""

from __future__ import annotations

import ast
import hashlib
import json
import os
import re
import subprocess
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[1]
VENDOR = ROOT / "static" / "vendor"
TEMPLATES = sorted((ROOT / "templates").rglob("*.html"))

MADE = {".git", ".venv", ".pytest_cache", ".mypy_cache", ".ruff_cache", ".hypothesis", "__pycache__", "dist", "build"}
"""Folders that programs make; nobody ships them."""


def read(name: str) -> str:
    return (ROOT / name).read_text("utf-8")


# -- vendored files -------------------------------------------------------------------------------------------------


def test_every_vendored_file_is_the_one_that_its_line_names() -> None:
    rows = re.findall(r"^\| `([^`]+)` .*`([0-9a-f]{64})` \|$", read("static/vendor/VERSIONS.md"), re.MULTILINE)
    assert {name: hashlib.sha256((VENDOR / name).read_bytes()).hexdigest() for name, _ in rows} == dict(rows)


def test_no_vendored_file_lacks_its_line_or_its_licence() -> None:
    text = read("static/vendor/VERSIONS.md")
    shipped = {path.name for path in VENDOR.rglob("*") if path.is_file()} - {"VERSIONS.md"}
    assert [name for name in sorted(shipped) if f"`{name}`" not in text] == []
    named = set(re.findall(r"`([\w.-]+\.LICENSE)`", text))
    assert named
    assert named <= shipped


def test_the_files_vendored_for_tests_are_the_ones_that_were_noted() -> None:
    text = read("static/vendor/VERSIONS.md")
    scripts = sorted((ROOT / "tests" / "vendor").glob("*.js*"))
    assert [path.name for path in scripts if hashlib.sha256(path.read_bytes()).hexdigest() not in text] == []


# -- templates: the content security policy forbids anything inline -------------------------------------------------

INLINE = {
    "a style attribute": r"<[^>]*\sstyle\s*=",
    "a style element": r"<style[\s>]",
    "a script with text": r"<script\b[^>]*>\s*[^\s<]",
    "a script without a source": r"<script\b(?![^>]*\bsrc=)",
    "an event attribute": r"<[^>]*\son[a-z]+\s*=",
    "hx-on": r"\shx-on\b",
    "an expression to evaluate": r"""=\s*["']\s*(?:js|javascript):""",
    "a trigger filter": r"""\shx-trigger(?::\w+)?\s*=\s*"[^"]*\[""",
}


def inline(text: str) -> list[str]:
    """What of the above a template has, its Jinja parts left out."""
    markup = re.sub(r"\{#.*?#\}|\{%.*?%\}|\{\{.*?\}\}", "", text, flags=re.DOTALL)
    return [name for name, pattern in INLINE.items() if re.search(pattern, markup, re.IGNORECASE)]


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_a_template_has_no_inline_script_or_style(path: Path) -> None:
    assert inline(path.read_text("utf-8")) == []


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ('<p class="a" style="color: red">', "a style attribute"),
        ("<style>p {}</style>", "a style element"),
        ("<script>let a</script>", "a script with text"),
        ("<script>\n</script>", "a script without a source"),
        ('<button\n onclick="go()">', "an event attribute"),
        ('<button hx-on:click="go()">', "hx-on"),
        ('<a href="javascript:go()">', "an expression to evaluate"),
        ("""<a hx-vals='js:{a: 1}'>""", "an expression to evaluate"),
        ('<a hx-trigger="click[ctrlKey]">', "a trigger filter"),
    ],
)
def test_the_search_finds_what_the_policy_forbids(text: str, found: str) -> None:
    assert found in inline(text)


def test_the_search_lets_files_and_jinja_pass() -> None:
    assert inline("""<script src="{{ static_url('app.js') }}" defer></script>""") == []
    assert inline("""{% set onset = 1 %}<b class="x"> a style = b, on = c</b>""") == []


# -- pinned versions ------------------------------------------------------------------------------------------------


def pins() -> dict[str, str]:
    lines = [line for line in read("constraints.txt").splitlines() if line and not line.startswith("#")]
    assert [line for line in lines if not re.fullmatch(r"[\w.-]+==[\w.!+]+", line)] == []
    return {canonicalize_name(name): version for name, _, version in (line.partition("==") for line in lines)}


def test_the_constraints_are_exact_versions_with_no_address_and_no_path() -> None:
    assert pins()
    assert "://" not in read("constraints.txt")


def test_the_constraints_fit_every_requirement_of_the_project() -> None:
    project = tomllib.loads(read("pyproject.toml"))["project"]
    texts = project["dependencies"] + [text for extra in project["optional-dependencies"].values() for text in extra]
    needed = [requirement for requirement in map(Requirement, texts) if requirement.name != project["name"]]
    pinned = pins()
    assert [
        str(need) for need in needed if pinned.get(canonicalize_name(need.name), "none") not in need.specifier
    ] == []


def test_every_library_that_the_package_imports_is_a_requirement() -> None:
    project = tomllib.loads(read("pyproject.toml"))["project"]
    extras = project["optional-dependencies"]
    texts = project["dependencies"] + extras["postgres"] + extras["otel"]
    declared = {canonicalize_name(Requirement(text).name) for text in texts}
    trees = [ast.parse(path.read_bytes(), str(path)) for path in (ROOT / "cronapp").rglob("*.py")]
    nodes = [node for tree in trees for node in ast.walk(tree)]
    modules = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    modules |= {node.module or "" for node in nodes if isinstance(node, ast.ImportFrom)}
    foreign = {name.partition(".")[0] for name in modules} - sys.stdlib_module_names - {"cronapp", "__future__"}
    makers = packages_distributions()
    assert {name for name in foreign if not declared & set(map(canonicalize_name, makers.get(name, [])))} == set()


# -- the repository -------------------------------------------------------------------------------------------------

# In halves, or this file would hold what it looks for.
HOSTS = [
    left + right
    for left, right in [
        ("pypi", ".org"),
        ("pythonhosted", ".org"),
        ("npmjs", ".org"),
        ("npmjs", ".com"),
        ("deb.debian", ".org"),
        ("security.debian", ".org"),
    ]
]


def test_no_file_names_the_host_of_a_package_registry() -> None:
    found = []
    for folder, folders, names in os.walk(ROOT):
        folders[:] = [name for name in folders if name not in MADE]
        for path in (Path(folder, name) for name in names):
            text = path.read_bytes().lower() if path.is_file() else b""
            found += [f"{path.relative_to(ROOT)}: {host}" for host in HOSTS if host.encode() in text]
    assert found == []


def test_make_help_lists_every_target() -> None:
    text = read("Makefile")
    targets = set(re.findall(r"^([a-z]+):", text, re.MULTILINE))
    assert targets == set(re.findall(r"^([a-z]+):.*## ", text, re.MULTILINE))
    assert {"run", "test", "check", "bench", "format"} <= targets
    phony = re.findall(r"^\.PHONY: (.*)$", text, re.MULTILINE)
    assert set(" ".join(phony).split()) == targets


FINE = {"name": "fine", "version": "1.0", "vulns": []}
HOLED = {"name": "holed", "version": "2.0", "vulns": [{"id": "CVE-1", "fix_versions": ["2.1"]}]}
UNKNOWN = {"name": "unknown", "skip_reason": "not found"}


@pytest.mark.parametrize(
    ("packages", "options", "status", "told"),
    [
        ([FINE], [], 0, "None of 1 pinned packages is known to be vulnerable."),
        ([FINE, HOLED], ["--or-say-so"], 1, "holed 2.0 has CVE-1, mended by 2.1."),
        ([FINE, UNKNOWN], [], 0, "Of these nothing is known: unknown."),
        ([UNKNOWN], [], 2, "were NOT looked up"),
        ([UNKNOWN], ["--or-say-so"], 0, "were NOT looked up"),
    ],
)
def test_the_audit_tells_what_is_known_and_whether_anybody_could_be_asked(
    tmp_path: Path, packages: list[dict[str, object]], options: list[str], status: int, told: str
) -> None:
    (tmp_path / "pip_audit.py").write_text(f"print({json.dumps({'dependencies': packages})!r})")
    command = [sys.executable, str(ROOT / "scripts" / "audit.py"), *options]
    done = subprocess.run(
        command, env={**os.environ, "PYTHONPATH": str(tmp_path)}, capture_output=True, text=True, check=False
    )
    assert (done.returncode, told in done.stdout) == (status, True), done.stdout + done.stderr


@pytest.mark.parametrize(("shell", "script"), [("bash", ".ci/run"), ("sh", "scripts/setup.sh")])
def test_a_script_can_be_run(shell: str, script: str) -> None:
    assert os.access(ROOT / script, os.X_OK)
    assert subprocess.run([shell, "-n", str(ROOT / script)], check=False).returncode == 0


# -- the container --------------------------------------------------------------------------------------------------


def test_the_image_runs_the_server_itself_and_not_as_root() -> None:
    final = read("Dockerfile").rpartition("\nFROM ")[2]
    assert 'CMD ["cronapp", "serve"]' in final  # no shell between: signals reach the server
    assert re.search(r"^USER [1-9]\d*:[1-9]\d*$", final, re.MULTILINE)
    assert "HEALTHCHECK" in final


def test_the_image_is_given_all_that_it_copies() -> None:
    copied = re.findall(r"^COPY (?!--from)(.+) \S+$", read("Dockerfile"), re.MULTILINE)
    allowed = re.findall(r"^!(.+)$", read(".dockerignore"), re.MULTILINE)
    for source in " ".join(copied).split():
        assert (ROOT / source).exists()
        assert {source, source.partition("/")[0]} & {*allowed}


def test_the_composed_service_has_no_more_rights_than_it_needs() -> None:
    lines = {line.partition("  #")[0].strip().removeprefix("- ") for line in read("deploy/compose.yaml").splitlines()}
    assert {"read_only: true", "ALL", "no-new-privileges:true", '"127.0.0.1:5000:5000"', "/tmp"} <= lines
    assert any(line.startswith("CRONAPP_ADMIN_TOKEN: ${CRONAPP_ADMIN_TOKEN:?") for line in lines)


# -- docs/faults.md and docs/security.md ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("page", "heading", "least"),
    [("faults.md", "| what happens", 50), ("security.md", "| ASVS", 80), ("security.md", "| beyond ASVS", 1)],
)
def test_whatever_is_promised_names_tests_that_are_there(page: str, heading: str, least: int) -> None:
    tables = re.findall(rf"^{re.escape(heading)}.*\n\| ---.*\n((?:\| .*\n)+)", read(f"docs/{page}"), re.MULTILINE)
    promises = [row for table in tables for row in table.splitlines()]
    assert len(promises) > least
    for promise in promises:
        named = re.findall(r"`([\w/]+\.py)::(\w+)`", promise)
        assert named, f"no test shows this: {promise}"
        for file, test in named:
            assert re.search(rf"def {test}\(", read(f"tests/{file}")), f"{file} has no {test}"
