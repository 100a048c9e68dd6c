"""Secrets of URLs and options are found, and taken out of texts."""

import json
import logging

import pytest

from backend.errors import ConfigurationError
from backend.logs import JsonFormatter, TextFormatter
from backend.redaction import Redactor, server_secrets, storage_secrets, without_credentials
from backend.settings import load_settings


@pytest.mark.parametrize(
    ("url", "secret"),
    [
        ("postgresql://ada:hunter22@db:5432/library", "hunter22"),
        ("postgresql://ada:hunt/er@@db/library", None),
        ("postgresql://ada@db/library?password=hunter22&sslmode=require", "hunter22"),
        ("redis://:hunter22@cache:6379/0", "hunter22"),
        ("redis+socket:///tmp/redis.sock?virtual_host=0", None),
    ],
    ids=["password", "unreadable", "parameter", "redis", "socket"],
)
def test_server_secrets(url: str, secret: str | None) -> None:
    found = {one for one in server_secrets(url) if one}
    assert found == ({secret} if secret else set())


def test_storage_secrets__of_the_url_and_of_nested_options() -> None:
    options = {
        "key": "AKIA1234",
        "secret": "s3cr3t/+x",
        "anon": False,
        "client_kwargs": {"endpoint_url": "https://ada:pa55word@minio:9000", "region_name": "eu-central-1"},
        "connection_string": "AccountName=photos;AccountKey=QUJDREVG==",
    }
    redact = Redactor(storage_secrets("s3://user1:pass1@bucket/x?sig=abcdef", options))
    text = "AKIA1234 s3cr3t/+x pa55word user1 pass1 abcdef QUJDREVG== eu-central-1 minio:9000 bucket"
    assert redact(text) == "*** *** *** *** *** *** *** eu-central-1 minio:9000 bucket"


def test_without_credentials() -> None:
    assert without_credentials("s3://key:secret@bucket/x?sig=abc") == "s3://bucket/x"
    assert without_credentials("simplecache::s3://key:secret@bucket") == "simplecache::s3://bucket"
    assert without_credentials("file:///home/ada/storage") == "file:///home/ada/storage"


@pytest.mark.parametrize(
    ("said", "left"),
    [
        ("DETAIL:  Failing row contains (1, a (quiet) harbour, null).\n[SQL: x]", "contains (***).\n[SQL: x]"),
        ("DETAIL:  Failing row contains (1, two\nlines).", "contains (***)."),
        ("DETAIL:  Key (name)=(ada) already exists.", "Key (name)=(***) already exists."),
        ('DETAIL:  Key (a, b)=(1, x) is not present in table "y".', "Key (a, b)=(***) is not present in table"),
        ('CONTEXT:  JSON data, line 1: {"a": "ada\\n...\n[SQL: x]', "JSON data, line 1: ***\n[SQL: x]"),
        ("Failing row contains (what a user wrote)", "(what a user wrote)"),
    ],
    ids=["row", "lines", "key", "keys", "json", "no-detail"],
)
def test_redactor__values_of_refused_rows(said: str, left: str) -> None:
    assert left in Redactor(())(said)


@pytest.mark.parametrize("formatter", [JsonFormatter, TextFormatter])
def test_logs__have_no_secret_of_the_settings(formatter: type[JsonFormatter] | type[TextFormatter]) -> None:
    """Neither as it stands in the URL nor as it is meant, in a message, its arguments or a traceback."""
    settings = load_settings(
        _env_file=None,
        database_url="postgresql://ada:pa%22ss%20word@db/x",
        redis_url="redis://:of-the-broker@cache/0",
        storage_url="s3://bucket",
        storage_options={"key": "AKIA1234", "secret": 'quote"of-s3'},
    )
    secrets = ["pa%22ss%20word", 'pa"ss word', "of-the-broker", "AKIA1234", 'quote"of-s3']
    said = " ".join(secrets)
    error = ValueError(f"driver says {said}")
    record = logging.LogRecord("a", logging.ERROR, "p", 1, "it says %s", (said,), (ValueError, error, None))
    line = formatter(settings.secrets).format(record)
    assert "it says" in line
    assert "driver says" in line
    assert [one for one in secrets if one in line or json.dumps(one)[1:-1] in line] == []
    record.exc_text = None
    unguarded = formatter().format(record)
    assert [one for one in secrets if one not in unguarded and json.dumps(one)[1:-1] not in unguarded] == []
    assert [one for one in secrets if one in repr(settings)] == []


@pytest.mark.parametrize(
    "given",
    ['{"secret": "hunter22"', '"hunter22"', "[1, hunter22]"],
    ids=["broken", "a-word", "a-list"],
)
def test_load_settings__a_mistake_in_options_does_not_tell_them(monkeypatch: pytest.MonkeyPatch, given: str) -> None:
    monkeypatch.setenv("MEDIACLUSTER_STORAGE_OPTIONS", given)
    with pytest.raises(ConfigurationError, match=r"(?i)storage_options") as caught:
        load_settings(_env_file=None)
    assert "hunter22" not in f"{caught.value} {caught.value!r} {caught.value.__cause__}"
