"""`set_profile`: how much of its link the station uses."""

from typing import Annotated, Literal

from msgspec import Meta

from message_queue.contracts.commands.base import CommandContract, CommandParameters

ProfileName = Literal["generous", "normal", "frugal", "satellite"]


class SetProfile(CommandParameters, frozen=True, kw_only=True):
    """`profile`: how sparingly the station uses its link."""

    profile: Annotated[ProfileName, Meta(title="Data profile")]


COMMAND = CommandContract(
    name="set_profile",
    label="Set data profile",
    explanation=(
        "How often it connects and what it sends, from everything to satellite only. Data that is not sent stays on "
        "the station."
    ),
    parameters=SetProfile,
    default_expiry=7 * 86_400,
)
