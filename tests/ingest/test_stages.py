"""The pipeline is the list that its drawing shows."""

import re

from fleet.ingest import pipeline
from fleet.ingest.pipeline import STAGES, STAGES_AGAIN


def drawn():
    """The stages in each drawing of the module's docstring, in order."""
    drawings = re.findall(r"^    read messages.*?(?=\n\n)", pipeline.__doc__, re.DOTALL | re.MULTILINE)
    return [[name.strip().replace(" ", "_") for name in drawing.split("─▶")] for drawing in drawings]


def test_the_drawings_show_the_stages_in_their_order():
    assert drawn() == [[stage.__name__ for stage in stages] + ["commit"] for stages in (STAGES, STAGES_AGAIN)]


def test_every_stage_lives_in_the_folder_of_stages():
    assert {stage.__module__.rpartition(".")[0] for stage in (*STAGES, *STAGES_AGAIN)} == {"fleet.ingest.stages"}
