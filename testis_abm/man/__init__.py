"""One man: his physiology, regimen and excurrent ducts, and the mean-field model of him."""
