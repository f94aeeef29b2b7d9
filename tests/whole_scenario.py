"""Scenarios that leave nothing to a default, and what a draft of one holds."""

from __future__ import annotations

from testis_abm.app import fields

# A scenario of which nothing is left to a default.
WHOLE = {
    "title": "After surgery",
    "man": {
        "preset": "obese_low_t_e2",
        "bmi": 41.5,
        "motility": 0.7,
        "history": "testosterone_enanthate 200 mg every 7 days for 52 weeks",
    },
    "tissue": {"tubules": 3, "sertoli_per_tubule": 20},
    "plan": {"baseline": "14 days", "duration": "300 days", "replicates": 2, "seed": 5, "engine": "reference"},
    "therapy": [
        {
            "drug": "gonadorelin",
            "route": "intravenous",
            "dose": "10 ug",
            "every": "2 hours",
            "from": "day 3",
            "until": "day 30",
            "over": "1 hour",
            "when": "LH < 5 IU/L",
        },
        {"drug": "anastrozole", "dose": "1 mg", "every": "1 day"},
        {"drug": "anastrozole", "dose": "1 mg", "every": "1 day", "when": "testosterone < 300 ng/dL", "adds": True},
    ],
    "weight": [{"bmi": 30, "until": "day 180"}, {"bmi": 33, "from": "day 200", "until": "day 290"}],
    "samples": {
        "blood": ["day 0", "day 28"],
        "semen": {"every": "30 days"},
        "biopsy": ["day 90"],
        "abstinence": "5 days",
        "assay": "lc-ms",
    },
    "observed": [
        {"variable": "oestradiol_pmol_l", "day": "day 28", "value": 20.0, "unit": "pg/mL", "label": "Somebody 2001"}
    ],
    "parameters": {"axis.immunoassay_oestradiol_scale": 1.1},
}


# Parts that scenarios have besides, and tables of its own.
FULL = {
    **WHOLE,
    "man": {**WHOLE["man"], "hyalinised_tubules": 0.2},
    "partner": {"age": "36 years", "tried": "18 months"},
    "tissue": {**WHOLE["tissue"], "tubules": 4, "stages": "helix"},
    "therapy": [
        *WHOLE["therapy"][:2],
        {
            "drug": "letrozole",
            "dose": "0.03 mg/kg",
            "days": ["day 0", "day 3.5"],
            "missed": ["day 3"],
            "adherence": 0.8,
        },
    ],
    "clamp": [
        {"quantity": "LH", "level": "2 IU/L", "from": "day 3", "until": "day 30"},
        {"quantity": "FSH", "level": {"day 0": "100 %", "day 84": "10 %"}},
    ],
    "insult": [
        {"kind": "irradiation", "dose": "1 Gy", "fractions": 3, "day": "day 5"},
        {"kind": "folfox", "courses": 2, "day": "day 10"},
        {"kind": "varicocele", "grade": 3, "day": "day 2", "until": "day 100"},
    ],
    "rule": [
        fields.RULE.example,
        "in Leydig cells, LH decreases testosterone output to 0.5-fold with half-maximum 4 IU/L",
    ],
    "samples": {**WHOLE["samples"], "blood_hour": 8, "ejaculations": [{"every": "3 days"}, "day 1"]},
    "drug": {"slowazole": {"like": "anastrozole", "inhibition_constant": 6}},
    "preset": {"heavier": {"like": "obese_low_t_e2", "bmi": 38}},
    "injury": {"folfox": {"kind": "cytotoxics", "strength": 0.6}},
}


def leaves(tables, path=()):
    """Yield the path and value of everything that a draft holds down to what one control shows."""
    rows = fields.rows_at(path)
    if (rows and path == rows.path) or (isinstance(tables, dict) and fields.is_table(path)):
        for key, value in tables.items() if isinstance(tables, dict) else enumerate(tables):
            yield from leaves(value, (*path, key))
    else:
        yield path, tables
