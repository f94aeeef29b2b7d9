"""The words that settings choose from and tables are told apart by, under names that an import checks."""

# Arms of a run: the man without and with what a scenario does to him.
ARMS = UNTREATED, TREATED = ("untreated", "treated")
# Tables of a scenario that say what is done to the man.
TREATMENTS = ("therapy", "weight", "clamp", "insult", "rule")
# How cells are moved: compiled columns, or plain Mesa agents.
CELL_ENGINES = COMPILED, REFERENCE = ("compiled", "reference")
# Insults of one kind whose draws a morning tells apart.
BLOWS_A_DAY = 8
# How the stages of the cycle lie along a tubule, which is disputed in man.
STAGE_LAYOUTS = PATCHES, HELIX = ("patches", "helix")
# Who is simulated in an experiment: the agent-based model, or the mean-field model.
ENGINES = CELLS, EXPECTED = ("cells", "expected")
# Under which parameters the men of an experiment live: each under a plausible set, or all under those of the tables.
PARAMETERS = PLAUSIBLE, TABLES = ("plausible", "tables")
# Priors over men.
POPULATIONS = ("clinic", "community", "healthy", "asian", "obese", "hypogonadotropic", "testosterone_users")
# Those that take the numbers of another where they have none of their own.
PART_OF = {"asian": "healthy", "obese": "community", "hypogonadotropic": "clinic", "testosterone_users": "clinic"}

DISCLAIMER = "Research software: a simulation, not medical advice."

# Of the environment: the file in which a command keeps how far it is.
PROGRESS_FILE = "TESTIS_ABM_PROGRESS"
