"""Print the instructions of a Dockerfile as a JSON list of [instruction, value]."""

import json
import sys

from dockerfile_parse import DockerfileParser

with open(sys.argv[1], "rb") as file:
    parser = DockerfileParser(fileobj=file)
    instructions = [
        [item["instruction"], item["value"]]
        for item in parser.structure
        if item["instruction"] != "COMMENT"
    ]
json.dump(instructions, sys.stdout)
