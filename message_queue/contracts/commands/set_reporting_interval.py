"""`set_reporting_interval`: how often the station reports its health."""

from typing import Annotated

from msgspec import Meta

from message_queue.contracts.commands.base import IN_SECONDS, CommandContract, CommandParameters


class SetReportingInterval(CommandParameters, frozen=True, kw_only=True):
    """`seconds` between two health messages: 10 s to 7 days."""

    seconds: Annotated[int, Meta(ge=10, le=604_800, title="Time between two reports", extra_json_schema=IN_SECONDS)]


COMMAND = CommandContract(
    name="set_reporting_interval",
    label="Set reporting interval",
    explanation="How often it reports its health. A longer interval saves data and power.",
    parameters=SetReportingInterval,
    default_expiry=7 * 86_400,
)
