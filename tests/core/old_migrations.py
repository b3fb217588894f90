"""A program: migrate a database with the old migrations only, up to those that its arguments name.

An argument is `app.name`. Without any, all are applied.
"""

import sys

import django


def main(words):
    django.setup()
    from django.db import connection
    from django.db.migrations.executor import MigrationExecutor

    executor = MigrationExecutor(connection)
    executor.loader.replace_migrations = False
    executor.loader.build_graph()
    every = [node for node in executor.loader.graph.leaf_nodes() if node not in executor.loader.replacements]
    executor.migrate([tuple(word.split(".")) for word in words] or every)


if __name__ == "__main__":
    main(sys.argv[1:])
