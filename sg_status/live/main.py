"""The live process, run separately by uvicorn: server-sent events tell open pages which stations changed."""

import os

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "web.settings")
django.setup()

from django.conf import settings  # noqa: E402 - as below

from fleet.core.requests.door import BARE_MOST, Door  # noqa: E402 - models can only be imported after the set-up
from sg_status.live.door import LiveDoor  # noqa: E402 - as above

application = Door(LiveDoor(), proxies=settings.ROOST_PROXIES, most=lambda _scope: BARE_MOST)
