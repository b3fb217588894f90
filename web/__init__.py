"""The Django project: settings, addresses, ASGI, and the shell of the site."""
