"""Settings come from the command line, the environment, files for secrets, and cronapp.toml, in this order."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from cronapp.config import Settings, known_secrets, load_settings
from cronapp.core.errors import CannotStart


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path


def load(folder: Path, environ: Mapping[str, str] | None = None, **given: Any) -> Settings:
    return load_settings(given, environ or {}, folder)


def refusal(folder: Path, environ: Mapping[str, str] | None = None, **given: Any) -> str:
    with pytest.raises(CannotStart) as caught:
        load(folder, environ, **given)
    return str(caught.value)


def test_nothing_needs_to_be_set(folder: Path) -> None:
    settings = load(folder)
    assert settings == Settings()
    assert (settings.host, settings.port, settings.database) == ("127.0.0.1", 5000, "sqlite:///cronapp.db")
    assert (settings.tasks, settings.timezone, settings.admin_token) == (("tasks.py",), "UTC", None)


def test_the_command_line_goes_before_the_environment_and_that_before_the_file(folder: Path) -> None:
    (folder / "cronapp.toml").write_text('port = 1\nhost = "file"\ntimezone = "Asia/Tokyo"\n')
    environ = {"CRONAPP_PORT": "2", "CRONAPP_HOST": "environment"}
    settings = load(folder, environ, port=3, host=None, tasks=())
    assert (settings.port, settings.host, settings.timezone) == (3, "environment", "Asia/Tokyo")
    assert settings.tasks == ("tasks.py",)


def test_port_0_of_the_command_line_takes_a_free_port(folder: Path) -> None:
    assert load(folder, {"CRONAPP_PORT": "7000"}, port=0).port == 0


def test_lists_durations_and_sizes_are_written_as_people_do(folder: Path) -> None:
    settings = load(
        folder,
        {
            "CRONAPP_TASKS": "tasks.py, shop.tasks",
            "CRONAPP_TRUSTED_HOSTS": "a.example b.example",
            "CRONAPP_STOP_TIMEOUT": "1m30s",
            "CRONAPP_LOG_LIMIT": "2MB",
            "CRONAPP_TASK_MEMORY": "1.5GB",
            "CRONAPP_TASK_PROCESSES": "200",
            "CRONAPP_KEEP_DAYS": "0.5",
        },
    )
    assert settings.tasks == ("tasks.py", "shop.tasks")
    assert settings.trusted_hosts == ("a.example", "b.example")
    assert (settings.stop_timeout, settings.log_limit, settings.keep_days) == (90, 2_000_000, 0.5)
    assert (settings.task_memory, settings.task_processes) == (1_500_000_000, 200)
    assert (load(folder).task_memory, load(folder).task_processes) == (None, None)


def test_a_toml_file_sets_lists_and_numbers(folder: Path) -> None:
    (folder / "cronapp.toml").write_text('tasks = ["a.py", "b.py"]\nconcurrency = 7\nlog_format = "json"\n')
    settings = load(folder)
    assert (settings.tasks, settings.concurrency, settings.log_format) == (("a.py", "b.py"), 7, "json")


def test_a_secret_may_stand_in_a_file(folder: Path) -> None:
    (folder / "token").write_text("a-long-secret\n")
    settings = load(folder, {"CRONAPP_ADMIN_TOKEN_FILE": str(folder / "token")})
    assert settings.admin_token is not None
    assert settings.admin_token.get_secret_value() == "a-long-secret"
    assert "a-long-secret" not in repr(settings)


def test_a_secret_file_that_is_not_there_is_named(folder: Path) -> None:
    text = refusal(folder, {"CRONAPP_ADMIN_TOKEN_FILE": str(folder / "none")})
    assert "CRONAPP_ADMIN_TOKEN_FILE" in text
    assert "No such file" in text


def test_an_empty_variable_is_not_set(folder: Path) -> None:
    assert load(folder, {"CRONAPP_PORT": "", "CRONAPP_ADMIN_TOKEN": ""}) == Settings()


def test_other_variables_are_left_alone(folder: Path) -> None:
    environ = {"PORT": "1", "HOST": "x", "CRONAPP_URL": "http://x", "CRONAPP_TOKEN": "t", "CRON_APP_PORT": "9"}
    assert load(folder, environ) == Settings()


@pytest.mark.parametrize(
    ("variable", "hint"),
    [
        ("CRONAPP_PROT", "did you mean CRONAPP_PORT"),
        ("CRONAPP_DATABSE", "did you mean CRONAPP_DATABASE"),
        ("CRONAPP_ADMIN_TOKN_FILE", "did you mean CRONAPP_ADMIN_TOKEN"),
    ],
)
def test_an_unknown_variable_stops_the_start_with_a_hint(folder: Path, variable: str, hint: str) -> None:
    text = refusal(folder, {variable: "1"})
    assert variable in text
    assert hint in text


def test_an_unknown_variable_that_is_like_none_is_named_all_the_same(folder: Path) -> None:
    text = refusal(folder, {"CRONAPP_XYZZY": "1"})
    assert "CRONAPP_XYZZY" in text
    assert "did you mean" not in text


def test_an_unknown_name_in_the_file_stops_the_start_with_a_hint(folder: Path) -> None:
    (folder / "cronapp.toml").write_text("prot = 1\n")
    text = refusal(folder)
    assert "cronapp.toml" in text
    assert "'prot'" in text
    assert "did you mean port" in text


def test_a_file_that_is_no_toml_is_named(folder: Path) -> None:
    (folder / "cronapp.toml").write_text("port = \n")
    assert refusal(folder).startswith("cronapp.toml cannot be read")


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("PORT", "http", "whole number"),
        ("PORT", "70000", "at most 65535"),
        ("TIMEZONE", "Europe/Berln", "Europe/Berlin"),
        ("CONCURRENCY", "0", "at least 1"),
        ("KEEP_DAYS", "0", "more than 0"),
        ("KEEP_DAYS", "long", "number"),
        ("KEEP_RUNS", "0", "at least 1"),
        ("LOG_LIMIT", "10", "at least 1000"),
        ("LOG_LIMIT", "manyMB", "manyMB"),
        ("TASK_MEMORY", "10MB", "at least 64000000"),
        ("TASK_PROCESSES", "0", "at least 1"),
        ("LOG_FORMAT", "xml", "'json'"),
        ("STOP_TIMEOUT", "soon", "not understood"),
    ],
)
def test_a_wrong_value_is_named_with_its_variable(folder: Path, name: str, value: str, words: str) -> None:
    text = refusal(folder, {f"CRONAPP_{name}": value})
    assert text.startswith(f"CRONAPP_{name}: ")
    assert words in text
    assert "\n" not in text


def test_all_wrong_values_are_named_at_once(folder: Path) -> None:
    text = refusal(folder, {"CRONAPP_PORT": "x", "CRONAPP_TIMEZONE": "Nowhere"}, concurrency=-1)
    assert {line.split(":")[0] for line in text.splitlines()} == {
        "CRONAPP_PORT",
        "CRONAPP_TIMEZONE",
        "CRONAPP_CONCURRENCY",
    }


def test_a_public_name_of_a_later_version_is_told_and_does_not_stop_the_start(caplog: pytest.LogCaptureFixture) -> None:
    assert load_settings({}, {"CRONAPP_BASE_PATH": "/cron"}) == Settings()
    assert "CRONAPP_BASE_PATH is set" in caplog.text


def test_the_addresses_that_are_told_are_secrets(folder: Path) -> None:
    settings = load(folder, {"CRONAPP_NOTIFY": "mailto://me:s3cret-word@example.org\njson://example.org/t0ken"})
    assert settings.notify_urls == ("mailto://me:s3cret-word@example.org", "json://example.org/t0ken")
    assert "s3cret-word" not in repr(settings)
    assert {"s3cret-word", *settings.notify_urls} <= known_secrets(settings, {})


@pytest.mark.parametrize("address", ["cron.example.org", "ftp://example.org", "https://example.org/?a=1"])
def test_the_public_address_is_one_of_the_web(folder: Path, address: str) -> None:
    assert load(folder, {"CRONAPP_PUBLIC_URL": "https://example.org/cron/"}).public_url == "https://example.org/cron"
    with pytest.raises(CannotStart, match="CRONAPP_PUBLIC_URL"):
        load(folder, {"CRONAPP_PUBLIC_URL": address})


@pytest.mark.parametrize(("text", "wanted"), [("true", True), ("false", False), ("", None)])
def test_watching_is_on_off_or_left_to_the_terminal(folder: Path, text: str, wanted: bool | None) -> None:
    assert load(folder, {"CRONAPP_WATCH": text}).watch is wanted
    assert load(folder, {"CRONAPP_WATCH": "true"}, watch=False).watch is False


ISSUER = {"CRONAPP_OIDC_ISSUER": "https://id.example/realms/main", "CRONAPP_OIDC_CLIENT_ID": "cronapp"}
PROXY = {"CRONAPP_PROXY_USER_HEADER": "Remote-User", "CRONAPP_TRUSTED_PROXIES": "10.0.0.5, fd00::/8"}


def test_what_lets_people_in_is_set_whole_or_not_at_all(folder: Path) -> None:
    whole = {**ISSUER, **PROXY, "CRONAPP_OIDC_ROLES": "ops=operator", "CRONAPP_PROXY_DEFAULT_ROLE": "viewer:night"}
    settings = load(folder, whole)
    assert settings.trusted_proxies == ("10.0.0.5", "fd00::/8")
    assert settings.oidc_scopes == ("openid", "profile", "email")
    load(folder, {**whole, "CRONAPP_OIDC_ISSUER": "http://127.0.0.1:8080/realms/main"})
    for wrong, told in (
        (ISSUER, "CRONAPP_OIDC_ISSUER lets nobody in yet."),
        ({**whole, "CRONAPP_OIDC_CLIENT_ID": ""}, "CRONAPP_OIDC_ISSUER needs CRONAPP_OIDC_CLIENT_ID"),
        ({**whole, "CRONAPP_OIDC_ISSUER": "http://id.example"}, "The issuer must be reached by https"),
        ({**whole, "CRONAPP_OIDC_ISSUER": "id.example"}, "Write the issuer's address as it names itself"),
        ({**whole, "CRONAPP_OIDC_ROLES": "ops=root"}, "CRONAPP_OIDC_ROLES: 'root' is no role."),
        ({**whole, "CRONAPP_OIDC_DEFAULT_ROLE": "guest"}, "CRONAPP_OIDC_DEFAULT_ROLE: 'guest' is no role."),
        (PROXY, "CRONAPP_PROXY_USER_HEADER lets nobody in yet."),
        ({**whole, "CRONAPP_TRUSTED_PROXIES": ""}, "CRONAPP_PROXY_USER_HEADER needs CRONAPP_TRUSTED_PROXIES"),
        ({**whole, "CRONAPP_TRUSTED_PROXIES": "proxy"}, "'proxy' is no address and no network."),
        ({**whole, "CRONAPP_PROXY_USER_HEADER": "Remote User"}, "Write the name of a header"),
        ({**whole, "CRONAPP_PROXY_ROLES": "ops=viewer"}, "needs CRONAPP_PROXY_GROUPS_HEADER"),
    ):
        assert told in refusal(folder, wrong)
