"""The science: scalar rules of body, testis and excurrent ducts, and of the laboratory; no arrays of cells, no Mesa."""
