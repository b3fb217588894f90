"""Tables of stations and of everything attached to them, except telemetry."""

from fleet.stations.models.hardware import HardwarePair
from fleet.stations.models.joining import Newcomer, RegistrationCode
from fleet.stations.models.note import StationNote
from fleet.stations.models.sorting import ModelQuantity, SavedFilter, StationGroup, StationModel, Tag
from fleet.stations.models.station import (
    ContactDay,
    Credential,
    DeskQuota,
    EnrolmentToken,
    LoginPurpose,
    Station,
    StationContact,
    StationDataUse,
    StationDay,
)
from fleet.stations.models.transfer import History, StationTransfer

__all__ = [
    "ContactDay",
    "Credential",
    "DeskQuota",
    "EnrolmentToken",
    "HardwarePair",
    "History",
    "LoginPurpose",
    "ModelQuantity",
    "Newcomer",
    "RegistrationCode",
    "SavedFilter",
    "Station",
    "StationContact",
    "StationDataUse",
    "StationDay",
    "StationGroup",
    "StationModel",
    "StationNote",
    "StationTransfer",
    "Tag",
]
