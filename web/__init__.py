"""The Django project: settings, URLs, ASGI application and the site's base templates."""
