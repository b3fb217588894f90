"""The pages.

Each file in this folder is one page with its parts; the folder is the registry.

A file defines `urlpatterns`, each with a name, and can define `MENU` (a `sg_status.menu.MenuEntry`).
"""
