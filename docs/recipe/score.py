"""Every score of the recipe on annotated recordings, one after the other: beats, waves, types, quality and fibrillation, per
record and pooled, the held-out halves apart. Half an hour.

    python docs/recipe/score.py

The recordings are those of ECG_DATA and ECG_ANNOTATED, else of ../shared/data and ../shared/annotated. What other programs
reach is quoted in recipe.md, at the end of the tables.
"""

import os
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
DATA = Path(os.environ.get("ECG_DATA", HERE.parents[1] / "../shared/data"))
SCORES = [
    ("beats, half-hour records, first lead", ["score_beats.py", str(DATA / "mitdb-30min")]),
    ("beats under large T waves and electrode motion", ["score_stress.py"]),
    ("waves", ["score_waves.py", "--records"]),
    ("types, first lead", ["score_types.py"]),
    ("types, second lead", ["score_types.py", "1"]),
    ("types, first lead, pieces of 10 s", ["score_types.py", "0", "10"]),
    ("quality index", ["score_quality.py"]),
    ("minutes in atrial fibrillation", ["score_af.py"]),
]


def main():
    for title, command in SCORES:
        print(f"\n== {title}: {command[0]}", flush=True)
        subprocess.run([sys.executable, str(HERE / command[0]), *command[1:]], check=False)


if __name__ == "__main__":
    main()
