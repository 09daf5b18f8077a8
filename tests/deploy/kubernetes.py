"""Render a folder of deploy/kubernetes and hold what comes out against Kubernetes' own schemas.

    kubernetes.py FOLDER...      prints one JSON object: folder -> list of resources

There is no kustomize in the registries that this project takes programs from, so this renders the
part of it that the overlays use, and refuses whatever else a kustomization says: resources (files,
or folders with a kustomization of their own) and patches of RFC 6902 with kind and name as target.
"""

import json
import pathlib
import sys

import jsonpatch
import kubernetes_validate
import yaml

KEYS = {"apiVersion", "kind", "resources", "patches"}


class Fault(Exception):
    """What is wrong with a folder, in one line."""


class StrictLoader(yaml.SafeLoader):
    """YAML in which a key stands once."""

    def construct_mapping(self, node, deep=False):
        keys = [self.construct_object(key, deep=True) for key, _ in node.value]
        for key in keys:
            if keys.count(key) > 1:
                raise Fault(f"{key} is there twice, line {node.start_mark.line + 1}")
        return super().construct_mapping(node, deep)


def documents(path):
    try:
        return [item for item in yaml.load_all(path.read_text(), StrictLoader) if item is not None]
    except yaml.YAMLError as error:
        raise Fault(f"{path}: {error}") from None
    except OSError as error:
        raise Fault(f"{path}: {error.strerror}") from None


def kustomization(folder):
    (found,) = documents(folder / "kustomization.yaml")
    if found.get("kind") != "Kustomization" or found.get("apiVersion") != "kustomize.config.k8s.io/v1beta1":
        raise Fault(f"{folder}: not a kustomization")
    unknown = sorted(set(found) - KEYS)
    if unknown:
        raise Fault(f"{folder}: {', '.join(unknown)} cannot be rendered here")
    return found


def render(folder):
    found = kustomization(folder)
    resources = []
    for name in found.get("resources", []):
        path = folder / name
        resources += render(path) if path.is_dir() else documents(path)
    for patch in found.get("patches", []):
        apply(folder, patch, resources)
    identities = [(item["kind"], item["metadata"]["name"]) for item in resources]
    if len(set(identities)) < len(identities):
        raise Fault(f"{folder}: a resource is there twice")
    return resources


def apply(folder, patch, resources):
    if set(patch) != {"target", "patch"} or set(patch["target"]) != {"kind", "name"}:
        raise Fault(f"{folder}: a patch has other keys than target (kind, name) and patch")
    target = (patch["target"]["kind"], patch["target"]["name"])
    matching = [item for item in resources if (item["kind"], item["metadata"]["name"]) == target]
    if len(matching) != 1:
        raise Fault(f"{folder}: the patch's target {'/'.join(target)} is there {len(matching)} times")
    try:
        jsonpatch.apply_patch(matching[0], yaml.load(patch["patch"], StrictLoader), in_place=True)
    except jsonpatch.JsonPatchException as error:
        raise Fault(f"{folder}: {error}") from None
    except jsonpatch.JsonPointerException as error:
        raise Fault(f"{folder}: {error}") from None


def validate(folder, resources):
    for item in resources:
        try:
            kubernetes_validate.validate(item, kubernetes_validate.latest_version(), strict=True)
        except kubernetes_validate.ValidationError as error:
            where = ".".join(str(part) for part in error.path)
            raise Fault(f"{folder}: {item['kind']}: {where}: {error.message}") from None


def main(folders):
    rendered = {}
    for folder in folders:
        rendered[folder] = render(pathlib.Path(folder))
        validate(folder, rendered[folder])
    json.dump(rendered, sys.stdout)


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except Fault as fault:
        sys.exit(f"error: {fault}")
