"""Stored secrets by the API and on their page: no answer has a value in it."""

from __future__ import annotations

import json
from typing import Any

from quart.testing import QuartClient
from sqlalchemy import select
from visiting import Api

from cronapp.app import App
from cronapp.core.vault import Vault
from cronapp.store.tables import idempotency_keys

SEND = "\nfrom pydantic import SecretStr\nfrom cronapp import secret\ndef send(key: SecretStr):\n    secret('SHOP')\n"


def deploy(app: App) -> None:
    path = app.settings.tasks[0]
    with open(path, "a") as tasks:
        tasks.write(SEND)
    app.tasks.reload()


async def test_a_secret_comes_and_goes_by_the_api_and_its_value_never(quiet: App, api: Api) -> None:
    deploy(quiet)
    made = await api.json("PUT", "/secrets/SHOP", 201, json={"value": "geheim-1"})
    changed = await api.json("PUT", "/secrets/SHOP", 200, json={"value": "geheim-2"})
    await api.make("send", "send", args={"key": {"secret": "SHOP"}})
    shown = await api.json("GET", "/secrets/SHOP")
    listed = await api.json("GET", "/secrets")
    assert (made["name"], made["jobs"], shown["jobs"], shown["used_by"]) == ("SHOP", 0, 1, ["send"])
    assert [one["name"] for one in listed["items"]] == ["SHOP"]
    assert "geheim" not in json.dumps([made, changed, shown, listed])
    assert (await api("DELETE", "/secrets/SHOP")).status_code == 204
    assert (await api("DELETE", "/secrets/SHOP")).status_code == 404
    assert (await api("GET", "/secrets/SHOP")).status_code == 404


async def test_what_is_no_secret_is_refused_with_its_field(quiet: App, api: Api) -> None:
    for body, field in (
        ({}, "value"),
        ({"value": 1}, "value"),
        ({"value": ""}, "value"),
        ({"value": "x", "y": 1}, "value"),
    ):
        told = await api.json("PUT", "/secrets/SHOP", 422, json=body)
        assert told["errors"].keys() == {field}
    assert (await api.json("PUT", "/secrets/A-B", 422, json={"value": "x"}))["errors"].keys() == {"name"}
    quiet.services.secrets.vault = Vault()
    told = await api.json("PUT", "/secrets/SHOP", 409, json={"value": "geheim"})
    assert "Set CRONAPP_SECRET_KEY" in told["detail"]


async def test_a_job_as_it_is_told_can_be_sent_back(quiet: App, api: Api) -> None:
    deploy(quiet)
    await api.json("PUT", "/secrets/SHOP", 201, json={"value": "geheim"})
    made = await api.make("send", "send", args={"key": {"secret": "SHOP"}})
    assert made["args"] == {"key": {"secret": "SHOP"}}
    again = await api.json("PUT", "/jobs/send", 200, json=made)
    assert again["args"] == made["args"]


async def test_the_page_lists_names_and_uses_and_works_without_javascript(
    quiet: App, client: QuartClient, api: Api
) -> None:
    deploy(quiet)
    assert (
        await client.post("/settings/secrets/put", form={"name": "SHOP", "value": "geheim\r\n2"})
    ).status_code == 303
    await api.make("send", "send", args={"key": {"secret": "SHOP"}})
    html = await (await client.get("/settings/secrets")).get_data(as_text=True)
    assert "named by 1 job · asked for by" in " ".join(html.split())
    assert "geheim" not in html
    refused = await client.post("/settings/secrets/put", form={"name": "1A", "value": "geheim"})
    assert refused.status_code == 422
    assert "geheim" not in await refused.get_data(as_text=True)
    asked = await (await client.get("/settings/secrets/SHOP/remove")).get_data(as_text=True)
    assert "1 job names it in its arguments, and 1 task asks for it." in asked
    assert (await client.post("/settings/secrets/SHOP/remove")).status_code == 303
    assert (await client.get("/settings/secrets/SHOP/remove")).status_code == 404


async def test_without_a_key_the_page_says_how_to_make_one(quiet: App, client: QuartClient) -> None:
    quiet.services.secrets.vault = Vault()
    html = await (await client.get("/settings/secrets")).get_data(as_text=True)
    assert "token_urlsafe(32)" in html
    refused = await client.post("/settings/secrets/put", form={"name": "SHOP", "value": "geheim"})
    assert refused.status_code == 409
    assert "Set CRONAPP_SECRET_KEY" in await refused.get_data(as_text=True)


async def test_what_a_request_sent_cannot_be_guessed_from_its_fingerprint(quiet: App, api: Api) -> None:
    deploy(quiet)
    body: dict[str, Any] = {"id": "send", "task": "send", "schedule": {"kind": "manual"}, "args": {"key": "geheim"}}
    headers = {"Idempotency-Key": "once"}
    made = await api.json("POST", "/jobs", 201, json=body, headers=headers)
    assert (await api.json("POST", "/jobs", 201, json=body, headers=headers))["id"] == made["id"]
    sent = b"POST /api/v1/jobs\n" + json.dumps(body).encode()
    kept = await quiet.store.read(lambda conn: conn.execute(select(idempotency_keys.c.request)).scalar_one())
    assert kept == quiet.tasks.vault.fingerprint(sent)
    assert kept != Vault().fingerprint(sent)
