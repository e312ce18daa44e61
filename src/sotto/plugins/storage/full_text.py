"""Finding finals by what was said in them: FTS5 on SQLite, tsvector on PostgreSQL.

Terms are letters, numbers and marks alone (`terms.py`), and quoted besides, so that no database
sees anything of its query language in them. https://sqlite.org/fts5.html ·
https://www.postgresql.org/docs/current/datatype-textsearch.html
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY, TSQUERY, TSVECTOR


class FullText(Protocol):
    """How one database keeps and finds terms; what is deleted goes with its final."""

    def keep(self, segment: int, terms: Sequence[str]) -> sa.Executable:
        """Keep the terms of the final with that number."""
        ...

    def found(self, term: str) -> sa.Select[int]:
        """The numbers of the finals that have the term."""
        ...

    def tidy(self) -> sa.Executable | None:
        """Let nothing be left of what was deleted; None where nothing ever is."""
        ...


class Fts5:
    """The virtual table `spoken`, whose `rowid` is a final's number."""

    _table = sa.table("spoken", sa.column("rowid", sa.Integer), sa.column("terms", sa.Text))

    def keep(self, segment: int, terms: Sequence[str]) -> sa.Executable:
        """The terms with spaces between, at which alone the table's tokenizer splits them."""
        return self._table.insert().values(rowid=segment, terms=" ".join(terms))

    def found(self, term: str) -> sa.Select[int]:
        """By a string of FTS5's language."""
        spoken = sa.literal_column("spoken", sa.Text)
        return sa.select(self._table.c.rowid).where(spoken.op("MATCH")(f'"{term}"'))

    def tidy(self) -> sa.Executable:
        """Merge the index into one piece: until then it marks as deleted what it still holds."""
        return sa.text("INSERT INTO spoken (spoken) VALUES ('optimize')")


class TsVector:
    """The table `spoken`, with an index of lexemes that no dictionary has touched."""

    _table = sa.table("spoken", sa.column("segment", sa.BigInteger), sa.column("terms", TSVECTOR()))

    def keep(self, segment: int, terms: Sequence[str]) -> sa.Executable:
        """Each term a lexeme."""
        lexemes = sa.func.array_to_tsvector(sa.cast(list(terms), ARRAY(sa.Text)))
        return self._table.insert().values(segment=segment, terms=lexemes)

    def found(self, term: str) -> sa.Select[int]:
        """By a quoted lexeme: a cast takes it as it is, where `to_tsquery` would parse it."""
        query = sa.cast(sa.literal(f"'{term}'", sa.Text), TSQUERY)
        return sa.select(self._table.c.segment).where(self._table.c.terms.op("@@")(query))

    def tidy(self) -> None:
        """PostgreSQL's own vacuum does it."""
        return
