"""The living cross-section: a recording of some tubules, and the view that draws it in the browser."""
