"""Write the files of a release: archive, Debian package, SBOM, checksums. Called by release.sh.

What is in them depends on nothing but what goes in: fixed order, times, permissions and owner.
"""

import argparse
import gzip
import hashlib
import io
import json
import pathlib
import tarfile
import tomllib
import uuid

TERMS = ("LICENSE*", "LICENCE*", "COPYING*", "COPYRIGHT*", "NOTICE*", "UNLICENSE*")


def arguments():
    parser = argparse.ArgumentParser()
    for name in ("root", "program", "man", "completions", "metadata", "out"):
        parser.add_argument(f"--{name}", required=True, type=pathlib.Path)
    return parser.parse_args()


def tree(files):
    """A tar of {path: (content, mode)}, its folders among it, gzipped."""
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        start = "./" if any(path.startswith("./") for path in files) else ""
        folders = {str(above) for path in files for above in pathlib.PurePosixPath(path).parents}
        for folder in sorted(folders - {"."}):
            archive.addfile(entry(start + folder, 0o755, tarfile.DIRTYPE))
        for path, (content, mode) in sorted(files.items()):
            info = entry(path, mode, tarfile.REGTYPE)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return gzip.compress(raw.getvalue(), mtime=0)


def entry(path, mode, kind):
    info = tarfile.TarInfo(path)
    info.mode, info.type, info.mtime = mode, kind, 0
    info.uname = info.gname = "root"
    return info


def shipped(metadata):
    """The packages that are in the binary: what labrat depends on when it runs, however far away."""
    packages = {package["id"]: package for package in metadata["packages"]}
    nodes = {node["id"]: node for node in metadata["resolve"]["nodes"]}
    own = metadata["resolve"]["root"]
    found, waiting = set(), [own]
    while waiting:
        for dependency in nodes[waiting.pop()]["deps"]:
            normal = any(kind["kind"] is None for kind in dependency["dep_kinds"])
            if normal and dependency["pkg"] not in found:
                found.add(dependency["pkg"])
                waiting.append(dependency["pkg"])
    dependencies = [packages[one] for one in found]
    return packages[own], sorted(dependencies, key=lambda one: (one["name"], one["version"]))


def sbom(own, dependencies, lock):
    """CycloneDX 1.5. Without a time; the serial number follows from the content."""
    checksums = {(one["name"], one["version"]): one.get("checksum") for one in lock["package"]}

    def component(package, kind):
        name, version = package["name"], package["version"]
        purl = f"pkg:cargo/{name}@{version}"
        found = {"type": kind, "bom-ref": purl, "name": name, "version": version, "purl": purl}
        found["licenses"] = [{"expression": package["license"].replace("/", " OR ")}]
        digest = checksums[name, version]
        if digest:
            found["hashes"] = [{"alg": "SHA-256", "content": digest}]
        return found

    components = [component(package, "library") for package in dependencies]
    serial = uuid.uuid5(uuid.NAMESPACE_URL, json.dumps(components))
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "serialNumber": f"urn:uuid:{serial}",
        "version": 1,
        "metadata": {"component": component(own, "application")},
        "components": components,
    }


def terms(dependencies):
    """The licences of everything in the binary, each text once."""
    texts, without = {}, []
    for package in dependencies:
        folder = pathlib.Path(package["manifest_path"]).parent
        paths = sorted(path for pattern in TERMS for path in folder.glob(pattern) if path.is_file())
        name = f"{package['name']} {package['version']} ({package['license']})"
        if not paths:
            without.append(name)
        for path in paths:
            texts.setdefault(path.read_text(errors="replace").strip(), []).append(name)
    parts = ["The binary holds these packages, under these terms.\n"]
    for text, names in sorted(texts.items(), key=lambda item: item[1]):
        parts.append("=" * 79 + "\n" + "\n".join(dict.fromkeys(names)) + "\n\n" + text + "\n")
    if without:
        parts.append("=" * 79 + "\nPackages that carry no text of their terms:\n\n" + "\n".join(without) + "\n")
    return "\n".join(parts).encode()


def archive(name, content, manual, completions):
    files = {f"{name}/{path}": (text, 0o644) for path, text in content.items() if path != "labrat"}
    files[f"{name}/labrat"] = (content["labrat"], 0o755)
    files |= {f"{name}/man/man1/{path}": (text, 0o644) for path, text in manual.items()}
    files |= {f"{name}/completions/{path}": (text, 0o644) for path, text in completions.items()}
    return tree(files)


def debian(own, content, manual, completions):
    """A package for dpkg: an ar of two tars."""
    share = "./usr/share"
    files = {"./usr/bin/labrat": (content["labrat"], 0o755)}
    for path, text in manual.items():
        files[f"{share}/man/man1/{path}.gz"] = (gzip.compress(text, mtime=0), 0o644)
    places = {
        "labrat.bash": "bash-completion/completions/labrat",
        "_labrat": "zsh/vendor-completions/_labrat",
        "labrat.fish": "fish/vendor_completions.d/labrat.fish",
    }
    for path, text in completions.items():
        files[f"{share}/{places[path]}"] = (text, 0o644)
    files[f"{share}/doc/labrat/copyright"] = (content["LICENSE"] + b"\n" + content["THIRD-PARTY.txt"], 0o644)
    files[f"{share}/doc/labrat/changelog.gz"] = (gzip.compress(content["CHANGELOG.md"], mtime=0), 0o644)
    size = sum(len(text) for text, _ in files.values())
    control = (
        f"Package: labrat\nVersion: {own['version']}\nArchitecture: amd64\n"
        f"Maintainer: labrat maintainers <labrat@localhost>\nInstalled-Size: {-(-size // 1024)}\n"
        "Section: devel\nPriority: optional\n"
        f"Description: {own['description'].split(':')[0]}\n {own['description']}.\n"
    )
    sums = "".join(f"{hashlib.md5(text).hexdigest()}  {path[2:]}\n" for path, (text, _) in sorted(files.items()))
    members = {
        "debian-binary": b"2.0\n",
        "control.tar.gz": tree({"./control": (control.encode(), 0o644), "./md5sums": (sums.encode(), 0o644)}),
        "data.tar.gz": tree(files),
    }
    raw = b"!<arch>\n"
    for name, text in members.items():
        raw += f"{name:<16}{0:<12}{0:<6}{0:<6}{100644:<8}{len(text):<10}`\n".encode() + text
        raw += b"\n" * (len(text) % 2)
    return raw


def folder(path):
    return {file.name: file.read_bytes() for file in sorted(path.iterdir())}


def main():
    given = arguments()
    own, dependencies = shipped(json.loads(given.metadata.read_text()))
    content = {name: (given.root / name).read_bytes() for name in ("LICENSE", "README.md", "CHANGELOG.md")}
    content["THIRD-PARTY.txt"] = terms(dependencies)
    content["labrat"] = given.program.read_bytes()
    manual, completions = folder(given.man), folder(given.completions)
    name = f"labrat-{own['version']}-x86_64-linux"
    lock = tomllib.loads((given.root / "Cargo.lock").read_text())
    files = {
        f"{name}.tar.gz": archive(name, content, manual, completions),
        f"labrat_{own['version']}_amd64.deb": debian(own, content, manual, completions),
        f"{name}.cdx.json": (json.dumps(sbom(own, dependencies, lock), indent=1) + "\n").encode(),
    }
    digests = {path: hashlib.sha256(text).hexdigest() for path, text in files.items()}
    files["SHA256SUMS"] = "".join(f"{digest}  {path}\n" for path, digest in digests.items()).encode()
    given.out.mkdir(parents=True, exist_ok=True)
    for path, text in files.items():
        (given.out / path).write_bytes(text)
        print(given.out / path, len(text), hashlib.sha256(text).hexdigest())


main()
