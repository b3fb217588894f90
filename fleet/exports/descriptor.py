"""`datapackage.json`: the contents of a package, described as in Frictionless Data Package, version 2."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from django.conf import settings

from fleet.exports.columns import PackageColumn
from fleet.exports.question import PackageQuestion

_PROFILE: Final = "https://datapackage.org/profiles/2.0/datapackage.json"
_MEDIA: Final = {
    "csv": "text/csv",
    "ndjson": "application/x-ndjson",
    "parquet": "application/vnd.apache.parquet",
    "geojson": "application/geo+json",
}
#: In CSV, times look like `2026-05-01 12:30:00+00`. ISO 8601 parsers read them, but the T is missing.
_ANY_TIME: Final = "any"


@dataclass(frozen=True, slots=True)
class Licence:
    """A licence as people choose it."""

    name: str
    title: str
    path: str


#: Licences for data that are in common use. None of them is a default: an organization may have chosen none.
LICENCES: Final[Mapping[str, Licence]] = {
    one.name: one
    for one in (
        Licence("CC0-1.0", "CC0 1.0: no rights reserved", "https://creativecommons.org/publicdomain/zero/1.0/"),
        Licence("CC-BY-4.0", "CC BY 4.0: name the source", "https://creativecommons.org/licenses/by/4.0/"),
        Licence(
            "CC-BY-SA-4.0",
            "CC BY-SA 4.0: name the source, share alike",
            "https://creativecommons.org/licenses/by-sa/4.0/",
        ),
        Licence(
            "CC-BY-NC-4.0",
            "CC BY-NC 4.0: name the source, no commercial use",
            "https://creativecommons.org/licenses/by-nc/4.0/",
        ),
        Licence("ODbL-1.0", "ODbL 1.0: name the source, share alike", "https://opendatacommons.org/licenses/odbl/1-0/"),
    )
}


@dataclass(frozen=True, slots=True)
class Written:
    """One file of a package as it was written. `left_out`: rows left out because they are marked as doubtful."""

    name: str
    path: str
    words: str
    bytes: int
    sha256: str
    rows: int | None = None
    left_out: int = 0
    columns: tuple[PackageColumn, ...] = ()


def descriptor_bytes(
    question: PackageQuestion, written: Sequence[Written], *, serials: Sequence[str], made_at: datetime
) -> bytes:
    """The whole document."""
    organization = question.organization
    document: dict[str, Any] = {
        "$schema": _PROFILE,
        "name": f"{organization.slug}-{question.start:%Y%m%d}-{question.end:%Y%m%d}",
        "title": f"{organization.name}, {question.start:%Y-%m-%d} to {question.end:%Y-%m-%d}",
        "created": made_at.isoformat(),
        "contributors": [{"title": organization.name, "roles": ["rightsHolder"]}],
        "sources": [{"title": "Roost", "path": settings.SITE_URL}],
        **_terms(question),
        "roost": {
            "stations": list(serials),
            "from": question.start.isoformat(),
            "to": question.end.isoformat(),
            "deployments": list(question.deployment_ids),
            "series": list(question.series),
            "doubtful_rows": "left out" if question.is_clean else "marked in the column suspicions",
            "rows_left_out": {one.name: one.left_out for one in written if question.is_clean and one.columns},
            "note": (
                "Times in at are by the stations' clocks, in UTC. A row is in the package if its time is. Places are "
                "exact: the column location of deployments.csv says how exactly everybody may see them. Rows that the "
                "organization's retention removed before are not in it. In CSV, an apostrophe stands before a station's "
                "text that a spreadsheet would run as a formula."
            ),
        },
        "resources": [_resource(one) for one in written],
    }
    return json.dumps(document, indent=1, ensure_ascii=False).encode()


def _terms(question: PackageQuestion) -> dict[str, Any]:
    licence = LICENCES.get(question.licence)
    terms: dict[str, Any] = {}
    if licence is not None:
        terms["licenses"] = [{"name": licence.name, "title": licence.title, "path": licence.path}]
    if question.citation:
        terms["citation"] = question.citation
    chosen = [
        f"Licence: {licence.title}."
        if licence
        else "The organization chose no licence: ask it before you use the data.",
        f"Cite as: {question.citation}" if question.citation else "The organization chose no citation.",
    ]
    return {"description": " ".join(chosen), **terms}


def _resource(one: Written) -> dict[str, Any]:
    ending = one.path.rpartition(".")[2]
    return {
        "name": one.name,
        "path": one.path,
        "description": one.words,
        "format": ending,
        "mediatype": _MEDIA[ending],
        "bytes": one.bytes,
        "hash": f"sha256:{one.sha256}",
        **({"encoding": "utf-8"} if ending != "parquet" else {}),
        **({} if one.rows is None else {"roost:rows": one.rows}),
        **(
            {"type": "table", "schema": {"fields": [_field(column, ending) for column in one.columns]}}
            if one.columns
            else {}
        ),
    }


def _field(column: PackageColumn, ending: str) -> dict[str, Any]:
    field: dict[str, Any] = {"name": column.name, "type": column.type, "description": column.words}
    if column.unit:
        field["unit"] = column.unit
    if column.type == "datetime" and ending == "csv":
        field["format"] = _ANY_TIME
    return field
