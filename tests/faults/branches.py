"""Judges the branches of streams as the clock does (`judge`), or accepts them (`believe`); run with a rig's
environment.
"""

import sys

import django

django.setup(set_prefix=False)

from fleet.alerts.services import rules_sweep  # noqa: E402 - Django first
from fleet.core import clock  # noqa: E402
from fleet.ingest.corrections.branches import branch_settle, branches_judge, branches_work_off  # noqa: E402
from fleet.telemetry.models import StreamLedger  # noqa: E402

Branch = StreamLedger.Branch


def main(word: str) -> None:
    """Judge the branches, or accept those that are held."""
    if word == "judge":
        branches_judge(moment=clock.now())
    else:
        for ledger in StreamLedger.objects.filter(branch__in=(Branch.HELD, Branch.CLONED)):
            branch_settle(viewer=None, ledger=ledger, decision=Branch.BELIEVED)
        branches_work_off()
    rules_sweep()


if __name__ == "__main__":
    main(sys.argv[1])
