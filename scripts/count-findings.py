"""Counts what `telemload compare --json` calls changed between runs of one and the same thing: for scripts/campaign-profiles.

With --alarms CASE it counts the files, results of runs or of `compare --json`, in which a metric is called better or worse: for
scripts/campaign-runs. With --sum WHAT it counts over all files, each count with the bounds of C. J. Clopper and E. S. Pearson (Biometrika 26, 1934,
p. 404). Exit code 1: the lower bound of a count is above the part of comparisons that is promised to be false alarms."""

import json
import math
import statistics
import sys

# A comparison judges functions with what they call, and functions by themselves; each at the false discovery rate of the file.
# Where nothing changed, that rate is the part of comparisons with any finding at all.
KINDS = {"function with callees": ("finding", "p"), "function itself": ("self_finding", None)}
METRIC_LEVEL = 0.05
FINDINGS = ("better", "worse")


def tail(n, p, low):
    """The probability of `low` hits or more of `n`."""
    return sum(math.comb(n, k) * p**k * (1 - p) ** (n - k) for k in range(low, n + 1))


def clopper_pearson(k, n):
    def solve(above):
        low, high = 0.0, 1.0
        for _ in range(60):
            middle = (low + high) / 2
            low, high = (low, middle) if above(middle) else (middle, high)
        return low

    lower = solve(lambda p: tail(n, p, k) > 0.025) if k > 0 else 0.0
    upper = solve(lambda p: 1 - tail(n, p, k + 1) < 0.025) if k < n else 1.0
    return lower, upper


def read(path):
    with open(path) as file:
        document = json.load(file)
    (phase,) = document["phases"]
    if "profile" not in phase:
        sys.exit(f"{path}: no profile on both sides; was the target profiled?")
    return phase


def changed(phase, key):
    return [of for of in phase["profile"]["functions"] if of[key] == "changed"]


def tested(phase, key):
    return sum(of[key] != "too few samples" for of in phase["profile"]["functions"])


def metrics(phase):
    return [of for of in phase["metrics"] if of["finding"] in FINDINGS]


def one(path):
    phase = read(path)
    profile = phase["profile"]
    found = [f"{of['function'][:60]} {of['base'] or 0:.3g} to {of['head'] or 0:.3g} (p {of['p']:.1g})" for of in changed(phase, "finding")]
    found += [f"{of['function'][:60]} itself {of['self_change']:+.3g}" for of in changed(phase, "self_finding")]
    found += [f"{of['metric']} ×{of['ratio']:.3f}" for of in metrics(phase)]
    cost = f"{profile['base']:.2f} and {profile['head']:.2f} µs/request" if profile["unit"] == "us_per_request" else "shares"
    print(
        f"{profile['base_samples']} and {profile['head_samples']} samples, {cost}, {tested(phase, 'finding')} functions judged: "
        + ("; ".join(found) or "none called changed"),
        flush=True,
    )


def total(what, paths):
    phases = [read(path) for path in paths]
    n = len(phases)
    promised = phases[0]["profile"]["false_discoveries"]
    rows = []
    for kind, (key, _) in KINDS.items():
        hits = sum(bool(changed(phase, key)) for phase in phases)
        rows.append((kind, sum(tested(phase, key) for phase in phases), sum(len(changed(phase, key)) for phase in phases), hits, promised))
    for metric in sorted({of["metric"] for phase in phases for of in phase["metrics"]}):
        hits = sum(any(of["metric"] == metric for of in metrics(phase)) for phase in phases)
        rows.append((metric, n, hits, hits, METRIC_LEVEL))
    samples = sorted(phase["profile"][side] for phase in phases for side in ("base_samples", "head_samples"))
    print(f"\n{n} pairs of launches of one and the same program ({what} of samples, {samples[0]} to {samples[-1]} samples a side):\n")
    print("| judged | tests | called changed | pairs with any | 95 % bounds | promised at most |")
    print("|---|--:|--:|--:|--:|--:|")
    broken = False
    for kind, tests, findings, hits, level in rows:
        low, high = clopper_pearson(hits, n)
        broken |= low > level
        print(f"| {kind} | {tests} | {findings} | {hits} of {n} | {low:.1%} to {high:.1%} | {level:.0%}: {level * n:.1f} of {n} |")
    if broken:
        sys.exit("\nmore false alarms than promised")


def judged(path):
    """All metrics that a run, or a comparison of stored runs, judges together."""
    with open(path) as file:
        document = json.load(file)
    holders = document.get("comparisons") or document.get("phases") or []
    return [of for holder in holders for of in holder["metrics"]]


def alarms(case, paths):
    all_metrics = [judged(path) for path in paths]
    n = len(all_metrics)
    hits = sum(any(of["finding"] in FINDINGS for of in metrics) for metrics in all_metrics)
    low, high = clopper_pearson(hits, n)
    figures = [of for metrics in all_metrics for of in metrics]
    unjudged = sum(of["finding"] == "not judged" for of in figures)
    changes = [abs(math.log(of["ratio"])) for of in figures if of["metric"] == "target_us_per_request" and of["ratio"]]
    middle = f"{statistics.median(changes):.1%}" if changes else "-"
    print(f"| {case} | {hits} of {n} ({low:.1%} to {high:.1%}) | {unjudged} of {len(figures)} | {middle} |")
    if low > METRIC_LEVEL:
        sys.exit(f"{case}: more false alarms than promised")


if __name__ == "__main__":
    if sys.argv[1] == "--alarms":
        alarms(sys.argv[2], sys.argv[3:])
    elif sys.argv[1] == "--sum":
        total(sys.argv[2], sys.argv[3:])
    else:
        one(sys.argv[1])
