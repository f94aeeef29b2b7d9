"""A response surface of the testis, from a folder."""

from __future__ import annotations

import solara

from testis_abm.app import surface as of_form
from testis_abm.app import widgets
from testis_abm.app.results.parts import Refused, tried
from testis_abm.app.session import Session
from testis_abm.app.units import in_its_units
from testis_abm.experiments import opened
from testis_abm.experiments.opened import Folder
from testis_abm.experiments.outputs import OUTPUTS
from testis_abm.experiments.surface import DEFAULT


@solara.component
@in_its_units
def View(session: Session, folder: Folder, now: tuple[int, ...]) -> None:  # noqa: N802
    """Show a surface as the form shows its own."""
    found = solara.use_memo(lambda: tried(lambda: opened.surface(folder.folder), folder.folder), [folder, now])
    word, set_word = solara.use_state(DEFAULT)
    if isinstance(found, Refused):
        widgets.note(found.why, wrong=True)
        return
    with solara.Div(classes=["ta-cells", "ta-choices"]):
        widgets.select("Output", word, [(name, OUTPUTS[name].title) for name in of_form.SHOWN], set_word)
    of_form.Found(session, found, word)
