"""Read a data package of Roost's, check its files, and plot every series into one picture.

Usage: python plot_readings.py FOLDER PICTURE.png, with the unzipped package and pandas and matplotlib (and pyarrow for
Parquet).
"""

import hashlib
import json
import sys
from pathlib import Path

import pandas as pd
from matplotlib.figure import Figure

folder, picture = Path(sys.argv[1]), sys.argv[2]
package = json.loads((folder / "datapackage.json").read_text(encoding="utf-8"))
print(package["title"])
print(package["description"])

files = {one["name"]: one for one in package["resources"]}
for one in files.values():
    found = hashlib.sha256((folder / one["path"]).read_bytes()).hexdigest()
    if one["hash"] != f"sha256:{found}":
        sys.exit(f"{one['path']} is damaged: get the package again.")

path = folder / files["readings"]["path"]
if path.suffix == ".parquet":
    readings = pd.read_parquet(path)
elif path.suffix == ".csv":
    readings = pd.read_csv(path, parse_dates=["at", "received_at"])
else:
    readings = pd.read_json(path, lines=True, convert_dates=["at", "received_at"])

# A row without a reason to doubt it has nothing in this column.
good = readings[readings["suspicions"].isna()]
print(f"{len(readings)} readings, {len(readings) - len(good)} of them doubtful and not drawn")

names = sorted(good["series"].unique())
figure = Figure(figsize=(8, 1 + 2 * len(names)))
axes = figure.subplots(len(names), sharex=True, squeeze=False)
for axis, name in zip(axes[:, 0], names, strict=True):
    rows = good[good["series"] == name]
    for serial, own in rows.groupby("station", observed=True):
        axis.plot(own["at"], own["value"], ".", label=serial)
    axis.set_ylabel(f"{name} ({rows['unit'].iloc[0]})")
    axis.legend(fontsize="small")
figure.savefig(picture)
