"""The living cross-section: a recording of some tubules, and the view that draws it in the browser."""

from testis_abm.app.tubule.recording import Recording
from testis_abm.app.tubule.view import TubuleView, make_tubule

__all__ = ["Recording", "TubuleView", "make_tubule"]
