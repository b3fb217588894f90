"""A process that sends an organization's files to Motus once, as a task worker does; tests kill it. Argument: the id."""

import sys

import django
import time_machine

django.setup()

from sync.motus_files import NOW  # noqa: E402 - Django is set up first

from fleet.sync.motus.runs import files_run  # noqa: E402 - as above

with time_machine.travel(NOW, tick=False):
    files_run(organization_id=int(sys.argv[1]), is_searching=False)
