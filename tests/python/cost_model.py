"""The page on costs says what its model prints, and the model agrees with what was measured and not put in.

UPDATE_GOLDEN=1 writes the tables of docs/cost.md anew.
"""

import contextlib
import io
import os
import re
import sys
import unittest
from pathlib import Path
from unittest import mock

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "docs/cost"))

import inputs
import model
from model import Load, Recording

# By how much the model may differ, as a share; of everything else that was counted by one in thirty.
TOLERANCES = {"table bytes": 0.20, "work bytes": 0.05, "functions' log": 0.15, "history": 0.01, "Glue calls": 0.07, "processor s": 0.10, "s of": 0.05}


def run(*arguments: str) -> str:
    """What the command prints."""
    printed = io.StringIO()
    with mock.patch.object(sys, "argv", ["model.py", *arguments]), contextlib.redirect_stdout(printed):
        model.main()
    return printed.getvalue()


class CostModel(unittest.TestCase):
    def test_the_page_is_what_the_model_prints(self):
        text = model.PAGE.read_text()
        self.assertEqual(set(re.findall(r"<!-- model: (\w+) -->", text)), set(model.TABLES))
        if os.environ.get("UPDATE_GOLDEN") == "1":
            model.PAGE.write_text(model.page(text))
            return
        self.assertEqual(text, model.page(text), "UPDATE_GOLDEN=1 python3 tests/python/cost_model.py refreshes it")

    def test_what_was_measured_and_not_put_in(self):
        for what, measured, computed in model.checked():
            tolerance = next((share for name, share in TOLERANCES.items() if what.startswith(name)), 1 / 30)
            with self.subTest(what):
                self.assertLessEqual(abs(computed / measured - 1), tolerance, f"measured {measured}, model {computed}")

    def test_requests_are_those_that_the_test_in_rust_counts(self):
        source = (ROOT / "tests/tests/requests.rs").read_text()
        counted = re.findall(r'\("(\d+)([sm])", "(\d)", \((\d+) \+ 1, (\d+) \+ 1\)\)', source)
        self.assertEqual(len(counted), 2)
        for length, unit, leads, writes, reads in counted:
            one = Recording(Load(seconds=int(length) * {"s": 1, "m": 60}[unit], leads=int(leads)))
            self.assertEqual((one.writes, one.reads - one.reads_of("start")), (int(writes), int(reads)))

    def test_the_script_on_quotas_counts_alike(self):
        script = (ROOT / "infra/quotas.sh").read_text()
        seconds, transitions = map(int, re.search(r"recording_s=(\d+) transitions=(\d+)", script).groups())
        one = Recording(Load())
        self.assertEqual(transitions, one.transitions)
        self.assertTrue(one.in_functions_s <= seconds < 2 * one.in_functions_s)

    def test_the_settings_are_the_defaults(self):
        readme = (ROOT / "infra/README.md").read_text()
        for name, value in inputs.SETTINGS.items():
            self.assertTrue(f"| `{name}` | {value} |" in readme, name)

    def test_every_input_is_used(self):
        source = Path(model.__file__).read_text()
        for name in [*inputs.PRICES, *inputs.QUOTAS, *inputs.ASSUMED, *inputs.DESIGNED]:
            self.assertTrue(f'"{name}"' in source, name)

    def test_the_numbers_in_the_text(self):
        """Those outside the tables: within a tenth."""
        text = " ".join(model.PAGE.read_text().split())
        month, peaks = model.MONTH_S / 1e6, model.MONTH_S / 1e7
        cost = lambda load: sum(model.monthly(load).values()) - model.monthly(load)["alarms, metrics, key, secret"]
        passes = {limit.name: limit.files_a_second for limit in model.limits(Load())}
        small = {limit.name: limit.files_a_second for limit in model.limits(Load(), 10, True)}
        strip, half, day = (Recording(load) for load in (model.STRIP, model.HALF_HOUR, model.DAY))
        merged = sum(model.compaction(Load()).values())
        for words, value in {
            r"cost about (\d+) % more each": (cost(model.HALF_HOUR) / cost(model.STRIP) - 1) * 100,
            r"day's recording costs ([\d.]+) USD": cost(model.DAY) / 1e6,
            r"of which Lambda, mostly waiting for bytes, is (\d+) %": model.monthly(model.DAY)["Lambda"] / cost(model.DAY) * 100,
            r"half an hour takes ([\d.]+) s in functions": half.in_functions_s,
            r"and a day (\d+) s": day.in_functions_s,
            r"in place of ([\d.]+):": strip.in_functions_s,
            r"of days, Lambda lets (\d+) a second": 1000 / day.in_functions_s,
            r"two leads of ([\d.]+) days": model.longest_recording_s(2)[0] / 86400,
            r"from some ([\d.]+) million files a month with such hours": small["Lambda"] * peaks,
            r"From (\d+) million": passes["StartExecution"] * peaks,
            r"in other regions (\d+) million": min(small["StartExecution"], small["transitions"]) * peaks,
            r"From some (\d+) million": passes["a day's query"] * month,
            r"It costs ([\d.]+) USD for a million files": merged,
            r"removes (\d+) % of the tables' bytes": (1 - model.merged_bytes(strip) / strip.table_bytes) * 100,
            r"merges ([\d,]+) objects": 900 / model.seconds_to_merge_one(),
            r"above (\d+) million files a month a day's table": model.most_files_for_a_merge() / 1e6,
        }.items():
            found = re.search(words, text)
            with self.subTest(words):
                self.assertTrue(found)
                self.assertAlmostEqual(float(found[1].replace(",", "")) / value, 1, delta=0.1)
        # Storage that is saved pays for merging after five months, and not after four.
        saved = [sum(usd for _, usd in model.kept(Load(), at).values()) - sum(usd for _, usd in model.kept(Load(compaction=True), at).values()) for at in (4, 5)]
        self.assertTrue(saved[0] < merged < saved[1], (saved, merged))

    def test_twice_the_files_are_twice_the_dollars_but_for_what_is_fixed(self):
        # Below one a second X-Ray keeps every trace.
        one, two = model.monthly(Load(files=1e6)), model.monthly(Load(files=2e6))
        for name in one:
            factor = 1 if name == "alarms, metrics, key, secret" else 2
            self.assertAlmostEqual(two[name], factor * one[name], msg=name)

    def test_a_peak_that_the_account_takes_leaves_nothing_waiting(self):
        capacity = min(limit.files_a_second for limit in model.limits(Load()) if limit.waits)
        for share, waits in ((0.99, False), (1.01, True)):
            waiting, _, hours = model.after_a_peak(Load(files=share * capacity * model.MONTH_S / 10, peak=10), 1000)
            self.assertEqual((waiting > 0, hours > 0), (waits, waits))

    def test_the_command(self):
        printed = run("--files", "5e6", "--seconds", "10", "--leads", "2", "--peak", "10", "--compaction")
        self.assertIn("5,000,000 files a month of 10 s, 2 leads", printed)
        self.assertIn("| compaction |", printed)
        with mock.patch.dict(inputs.PRICES):
            self.assertIn("| Step Functions | 20.0 |", run("--price", "transition=4e-6"))
        with self.assertRaises(SystemExit), contextlib.redirect_stderr(io.StringIO()) as said:
            run("--price", "transitions=4e-6")
        self.assertIn("expected one of transition, Express request", said.getvalue())


if __name__ == "__main__":
    unittest.main()
