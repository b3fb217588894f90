"""A Django field for PostgreSQL's int8multirange, which holds the received sequence numbers of a stream."""

from typing import TYPE_CHECKING, Any

from django.db import models
from django.db.backends.base.base import BaseDatabaseWrapper

if TYPE_CHECKING:
    _Field = models.Field[Any, Any]
else:
    _Field = models.Field


class Int8MultirangeField(_Field):
    """Ranges of whole numbers as psycopg's `Multirange`; the lower bound is included, the upper is not."""

    def db_type(self, connection: BaseDatabaseWrapper) -> str:  # noqa: ARG002 - Django's signature
        """The column type."""
        return "int8multirange"
