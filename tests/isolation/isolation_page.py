"""Writes docs/reference/isolation.md from the list of attempts: `python tests/isolation/isolation_page.py`."""

from pathlib import Path

HERE = Path(__file__).parent


def table() -> str:
    """The attempts as a Markdown table."""
    from isolation.attempts import ATTEMPTS

    lines = ["| # | Station A tries to | RabbitMQ 3.10.8 | Why it is harmless |", "| ---: | --- | --- | --- |"]
    lines += [f"| {each.number} | {each.what} | {each.outcome} | {each.why} |" for each in ATTEMPTS]
    return "\n".join(lines)


def page() -> str:
    """The whole page."""
    return (HERE / "isolation.md.template").read_text().replace("$TABLE", table())


if __name__ == "__main__":
    import sys

    sys.path[:0] = [str(HERE), str(HERE.parent)]
    (HERE.parents[1] / "docs" / "reference" / "isolation.md").write_text(page())
