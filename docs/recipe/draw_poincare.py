"""Draws docs/recipe-poincare.svg: the Poincare plot of five minutes of random NN intervals with a respiratory wave, and its SD1
and SD2 as an ellipse.

    python docs/recipe/draw_poincare.py > docs/recipe-poincare.svg
"""

import json
from pathlib import Path

import numpy as np

from step6_windows import variability

SERIES = Path(__file__).resolve().parents[2] / "tests/tests/golden/neurokit_windows.json"
# Size of the picture and its margin, and what is drawn of the intervals.
SIZE, MARGIN = 420, 50
FROM_MS, TO_MS, TICK_MS = 700, 1100, 100


def main():
    series = json.loads(SERIES.read_text())["series"]["respiratory"]
    fs = series["sampling_frequency_hz"]
    samples = np.array(series["intervals"])
    found = variability(samples, np.cumsum(samples), fs)
    nn_ms = samples * 1000.0 / fs

    def place(ms):
        return MARGIN + (ms - FROM_MS) / (TO_MS - FROM_MS) * (SIZE - 2 * MARGIN)

    def length(ms):
        return place(FROM_MS + ms) - MARGIN

    low, high = MARGIN, SIZE - MARGIN
    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{SIZE}" height="{SIZE}" font-family="sans-serif" font-size="12">',
        '<rect width="100%" height="100%" fill="white"/>',
        f'<path d="M{low} {high}H{high}M{low} {high}V{low}" stroke="black"/>',
        f'<path d="M{low} {high}L{high} {low}" stroke="gray" stroke-dasharray="4"/>',
    ]
    for ms in range(FROM_MS, TO_MS + 1, TICK_MS):
        out.append(f'<text x="{place(ms):.0f}" y="{high + 16}" text-anchor="middle">{ms}</text>')
        out.append(f'<text x="{low - 6}" y="{SIZE - place(ms) + 4:.0f}" text-anchor="end">{ms}</text>')
    points = "".join(f"M{place(x):.1f} {SIZE - place(y):.1f}h0" for x, y in zip(nn_ms[:-1], nn_ms[1:]))
    out.append(f'<path d="{points}" stroke="steelblue" stroke-width="3.5" stroke-linecap="round"/>')
    sd1, sd2 = found["sd1_ms"], found["sd2_ms"]
    middle = place(found["nn_mean_ms"])
    out += [
        f'<g transform="translate({middle:.1f} {SIZE - middle:.1f}) rotate(-45)" fill="none" stroke="firebrick" stroke-width="1.5">',
        f'<ellipse rx="{length(sd2):.1f}" ry="{length(sd1):.1f}"/>',
        f'<path d="M0 0H{length(sd2):.1f}M0 0V{-length(sd1):.1f}"/></g>',
        f'<text x="{low + 12}" y="{low}" fill="firebrick">SD1 {sd1:.1f} ms, SD2 {sd2:.1f} ms</text>',
        f'<text x="{SIZE // 2}" y="{SIZE - 12}" text-anchor="middle">NN interval in ms</text>',
        f'<text transform="translate(14 {SIZE // 2}) rotate(-90)" text-anchor="middle">next NN interval in ms</text>',
        "</svg>",
    ]
    print("\n".join(out))


if __name__ == "__main__":
    main()
