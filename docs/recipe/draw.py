"""Draws the pictures of recipe.md, from synthetic signals:

    python docs/recipe/draw.py beat > docs/recipe-beat.svg              chapter 3b: a beat, its waves, what is measured
    python docs/recipe/draw.py noise > docs/recipe-noise.svg            chapter 5: a noisy stretch and its quality index
    python docs/recipe/draw.py poincare > docs/recipe-poincare.svg      chapter 6: five minutes of NN intervals
"""

import json
import sys
from pathlib import Path

import numpy as np

from process import process
from rules import RULES
from step6_windows import variability

SERIES = Path(__file__).resolve().parents[2] / "tests/tests/golden/neurokit_windows.json"
FS = 500.0


def svg(width, height, parts):
    head = f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" font-family="sans-serif" font-size="12">'
    return "\n".join([head, '<rect width="100%" height="100%" fill="white"/>', *parts, "</svg>"])


def line(points, colour, width=1.2):
    path = "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in points)
    return f'<path d="{path}" fill="none" stroke="{colour}" stroke-width="{width}"/>'


def text(x, y, words, colour="black", anchor="middle"):
    return f'<text x="{x:.0f}" y="{y:.0f}" text-anchor="{anchor}" fill="{colour}">{words}</text>'


def beats_mv(seconds, rr_s=0.9):
    """P, Q, R, S and T as bells, in mV."""
    t = np.arange(int(seconds * FS)) / FS
    x = np.zeros(t.size)
    for r_s in np.arange(0.6, seconds, rr_s):
        for after_s, mv, width_s in [
            (-0.17, 0.12, 0.022), (-0.028, -0.1, 0.008), (0, 1.0, 0.011), (0.03, -0.22, 0.009), (0.27, 0.28, 0.045)
        ]:
            x += mv * np.exp(-0.5 * ((t - r_s - after_s) / width_s) ** 2)
    return x


def beat():
    mv = beats_mv(12) + np.random.default_rng(3).normal(0, 0.004, int(12 * FS))
    [first, *_], _ = process(mv * 1000, FS, 1000.0, 0.0)
    its = first["beats"][5]
    width, height, left, base = 640, 330, 40, 190
    from_s, to_s = its["time_s"] - 0.35, its["time_s"] + 0.55

    def x(sample):
        return left + (sample / FS - from_s) / (to_s - from_s) * (width - 2 * left)

    def y(mv):
        return base - 150 * mv

    shown = np.arange(int(from_s * FS), int(to_s * FS))
    out = []
    waves = [("P", "p", "seagreen"), ("QRS", "qrs", "steelblue"), ("T", "t", "darkorange")]
    for name, key, colour in waves:
        onset, end = its[f"{key}_onset"], its[f"{key}_end"]
        out.append(f'<rect x="{x(onset):.1f}" y="20" width="{x(end) - x(onset):.1f}" height="200" fill="{colour}" opacity="0.15"/>')
        out.append(text((x(onset) + x(end)) / 2, 16, name, colour))
        peak = its["sample"] if key == "qrs" else its[f"{key}_peak"]
        out.append(f'<circle cx="{x(peak):.1f}" cy="{y(first["mv"][peak]):.1f}" r="3.5" fill="{colour}"/>')
    out.append(line([(x(n), y(first["mv"][n])) for n in shown], "black"))
    measured = [("PR", "p_onset", "qrs_onset", "pr_ms"), ("QRS", "qrs_onset", "qrs_end", "qrs_ms"), ("QT", "qrs_onset", "t_end", "qt_ms")]
    for row, (name, start, end, value) in enumerate(measured):
        at = 240 + 22 * row
        out.append(line([(x(its[start]), at), (x(its[end]), at)], "black"))
        out += [line([(x(its[edge]), at - 4), (x(its[edge]), at + 4)], "black") for edge in (start, end)]
        out.append(text(x(its[end]) + 6, at + 4, f"{name} {its[value]:.0f} ms", anchor="start"))
    j60 = its["qrs_end"] + 0.06 * FS
    out += [line([(x(j60) - 8, y(its["st_mv"])), (x(j60) + 8, y(its["st_mv"]))], "firebrick", 2.5)]
    out.append(text(x(j60), y(its["st_mv"]) + 18, f"ST {its['st_mv']:.2f} mV", "firebrick"))
    out.append(text(width / 2, height - 8, f"QTc {its['qtc_fridericia_ms']:.0f} ms (Fridericia), RR {its['rr_ms']:.0f} ms"))
    return svg(width, height, out)


def noise():
    random = np.random.default_rng(5)
    mv = beats_mv(60, 0.8)
    strength = np.interp(np.arange(mv.size) / FS, [0, 20, 26, 38, 44, 60], [0.01, 0.01, 0.5, 0.5, 0.01, 0.01])
    smooth = np.convolve(random.normal(0, 1, mv.size), np.hanning(25), "same")
    mv = mv + strength * smooth / smooth.std()
    segments, _ = process(mv * 1000, FS, 1000.0, 0.0)
    width, height, left, top = 760, 260, 50, 90

    def x(s):
        return left + s / 60 * (width - 2 * left)

    def y(sqi):
        return 235 - 70 * sqi

    out = [line([(x(n / FS), top - 28 * mv[n]) for n in range(0, mv.size, 5)], "black", 0.6)]
    for segment in segments:
        start = segment["start_sample"] / FS
        f, noisy = segment["features"], "noisy" in segment["warnings"]
        colour = "firebrick" if noisy else "seagreen"
        out.append(f'<rect x="{x(start) + 1:.1f}" y="{y(f["sqi"]):.1f}" width="{x(10) - x(0) - 2:.1f}" height="{235 - y(f["sqi"]):.1f}" '
                   f'fill="{colour}" opacity="0.5"/>')
        out.append(text(x(start + 5), y(f["sqi"]) - 4, f"{f['sqi']:.2f}" + (" noisy" if noisy else ""), colour))
    limit = y(RULES.label_sqi_below)
    out.append(f'<path d="M{left} {limit:.1f}H{width - left}" stroke="gray" stroke-dasharray="4"/>')
    out += [text(left - 8, y(value) + 4, value, anchor="end") for value in (0, RULES.label_sqi_below, 1)]
    out += [text(x(s), 252, f"{s} s") for s in range(0, 61, 10)]
    out.append(text(8, y(0.5), "sqi", anchor="start"))
    return svg(width, height, out)


def poincare():
    size, margin, from_ms, to_ms, tick_ms = 420, 50, 700, 1100, 100
    series = json.loads(SERIES.read_text())["series"]["respiratory"]
    fs = series["sampling_frequency_hz"]
    samples = np.array(series["intervals"])
    found = variability(samples, np.cumsum(samples), fs)
    nn_ms = samples * 1000.0 / fs

    def place(ms):
        return margin + (ms - from_ms) / (to_ms - from_ms) * (size - 2 * margin)

    def length(ms):
        return place(from_ms + ms) - margin

    low, high = margin, size - margin
    out = [
        f'<path d="M{low} {high}H{high}M{low} {high}V{low}" stroke="black"/>',
        f'<path d="M{low} {high}L{high} {low}" stroke="gray" stroke-dasharray="4"/>',
    ]
    for ms in range(from_ms, to_ms + 1, tick_ms):
        out.append(f'<text x="{place(ms):.0f}" y="{high + 16}" text-anchor="middle">{ms}</text>')
        out.append(f'<text x="{low - 6}" y="{size - place(ms) + 4:.0f}" text-anchor="end">{ms}</text>')
    points = "".join(f"M{place(x):.1f} {size - place(y):.1f}h0" for x, y in zip(nn_ms[:-1], nn_ms[1:]))
    out.append(f'<path d="{points}" stroke="steelblue" stroke-width="3.5" stroke-linecap="round"/>')
    sd1, sd2 = found["sd1_ms"], found["sd2_ms"]
    middle = place(found["nn_mean_ms"])
    out += [
        f'<g transform="translate({middle:.1f} {size - middle:.1f}) rotate(-45)" fill="none" stroke="firebrick" stroke-width="1.5">',
        f'<ellipse rx="{length(sd2):.1f}" ry="{length(sd1):.1f}"/>',
        f'<path d="M0 0H{length(sd2):.1f}M0 0V{-length(sd1):.1f}"/></g>',
        f'<text x="{low + 12}" y="{low}" fill="firebrick">SD1 {sd1:.1f} ms, SD2 {sd2:.1f} ms</text>',
        f'<text x="{size // 2}" y="{size - 12}" text-anchor="middle">NN interval in ms</text>',
        f'<text transform="translate(14 {size // 2}) rotate(-90)" text-anchor="middle">next NN interval in ms</text>',
    ]
    return svg(size, size, out)


if __name__ == "__main__":
    print({"beat": beat, "noise": noise, "poincare": poincare}[sys.argv[1]]())
