"""Compares the text of `go tool pprof -top -unit=ms` with the JSON of `telemload flame top`, function by function."""

import json
import re
import sys

go_text, ours_json = sys.argv[1:]
rows = re.compile(r"^\s*([\d.]+)(?:ms)?\s+[\d.]+%\s+[\d.]+%\s+([\d.]+)(?:ms)?\s+[\d.]+%\s+(.+?)(?: \(inline\)| \(partial-inline\))?$")
theirs = {}
for line in open(go_text):
    found = rows.match(line)
    if found:
        theirs[found[3]] = (float(found[1]), float(found[2]))
document = json.load(open(ours_json))
per_sample = document["value"] / document["samples"] / 1e6
ours = {}
for row in document["functions"]:
    # Go's names as they are in the profile: ours are normalised for matching builds.
    for name in row.get("raw", []) or [row["function"]]:
        ours[name] = (row["self_samples"] * per_sample, row["total_samples"] * per_sample)
missing = sorted(set(theirs) ^ set(ours))
wrong = [name for name in theirs if name in ours and any(abs(a - b) > 0.5 for a, b in zip(theirs[name], ours[name]))]
for name in missing:
    print(f"only on one side: {name}: go {theirs.get(name)}, telemload {ours.get(name)}")
for name in wrong:
    print(f"differs: {name}: go {theirs[name]}, telemload {ours[name]}")
if missing or wrong or len(theirs) < 5:
    sys.exit(f"{len(missing)} on one side, {len(wrong)} differ, of {len(theirs)}")
print(f"{len(theirs)} functions agree")
