"""Pictures: a chart is described once (`chart`), painted on paper (matplotlib) and on the screen (SVG)."""
