"""The pages.

One page (with what belongs to it) is one file in this folder; the folder is the registry.

A file defines `urlpatterns`, each with a name, and may define `MENU` (a `sg_status.menu.MenuEntry`).
"""
