"""Texts of station commands shown on the site. The wire contracts do not use Django, so they cannot mark them."""

from typing import Any

import msgspec

from message_queue.contracts.commands import command_contracts


def command_texts() -> list[str]:
    """Texts of the command contracts that the site shows, each once and in a fixed order."""
    found: dict[str, None] = {}
    for contract in command_contracts().values():
        titles = [field["title"] for field in _parameter_schemas(contract.parameters) if "title" in field]
        for text in (contract.label, contract.explanation, contract.danger, *titles):
            if text:
                found[text] = None
    return list(found)


def _parameter_schemas(parameters: type) -> list[dict[str, Any]]:
    _schema, parts = msgspec.json.schema_components([parameters], ref_template="{name}")
    return [field for part in parts.values() for field in part.get("properties", {}).values()]
