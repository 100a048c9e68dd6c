"""Statements name their parameters `:name`; psycopg reads them as `%(name)s`."""

import pytest

from backend.store.arrays import as_psycopg


@pytest.mark.parametrize(
    ("statement", "translated"),
    [
        ("SELECT :a, :b_2", "SELECT %(a)s, %(b_2)s"),
        ("SELECT :a, :a", "SELECT %(a)s, %(a)s"),
        ("id = ANY(:ids::uuid[])", "id = ANY(%(ids)s::uuid[])"),
        ("SELECT now()::date", "SELECT now()::date"),
        ("SELECT numbers[1:2], numbers[low:high]", "SELECT numbers[1:2], numbers[low:high]"),
        ("name LIKE 'a%:b' AND id = :id", "name LIKE 'a%%:b' AND id = %(id)s"),
        ("title = 'it''s :not' || :this", "title = 'it''s :not' || %(this)s"),
        ('SELECT ":not" FROM a', 'SELECT ":not" FROM a'),
        ("SELECT $$ :not $$, $x$ :not $x$, :this", "SELECT $$ :not $$, $x$ :not $x$, %(this)s"),
        ("-- 'of :space', 5 %\nSELECT :space", "-- 'of :space', 5 %%\nSELECT %(space)s"),
        ("/* :not\n:not */ SELECT :this", "/* :not\n:not */ SELECT %(this)s"),
        ("SELECT 7 % :k", "SELECT 7 %% %(k)s"),
    ],
)
def test_as_psycopg__names_and_nothing_else(statement: str, translated: str) -> None:
    assert as_psycopg(statement) == translated
