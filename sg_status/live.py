"""The live process, run by uvicorn on its own: server-sent events that tell open pages which stations changed."""

import os

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "web.settings")
django.setup()

from sg_status.live_door import LiveDoor  # noqa: E402 - models can be imported only after the set-up

application = LiveDoor()
