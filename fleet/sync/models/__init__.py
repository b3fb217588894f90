"""Models of outside systems: their checks and rows, and what organizations have at Motus."""

from fleet.sync.models.checks import ExternalChange, ExternalLink, ExternalRecord, SyncRun
from fleet.sync.models.motus import MotusAccount, MotusDeployment, MotusDifference, MotusTag
from fleet.sync.models.receivers import MotusDay, MotusReceiver
from fleet.sync.models.uploads import MotusUpload

__all__ = [
    "ExternalChange",
    "ExternalLink",
    "ExternalRecord",
    "MotusAccount",
    "MotusDay",
    "MotusDeployment",
    "MotusDifference",
    "MotusReceiver",
    "MotusTag",
    "MotusUpload",
    "SyncRun",
]
