"""Hold every az command line against the real azure-cli's own parser: unknown commands and flags,
missing required arguments and impossible values are found, without a login and without a network.

Reads shell scripts (a function that is called az counts as az), fenced blocks of shell in Markdown
pages, and texts with one command a line. Prints one line of JSON for each command that is refused,
and at last the count of all.
"""

import contextlib
import difflib
import io
import json
import os
import pathlib
import re
import sys
import tempfile

CONFIGURATION = tempfile.TemporaryDirectory()
os.environ.update(
    AZURE_CONFIG_DIR=os.environ.get("AZURE_CONFIG_DIR", CONFIGURATION.name),
    AZURE_CORE_COLLECT_TELEMETRY="0",
    AZURE_CORE_NO_COLOR="1",
    AZURE_EXTENSION_DIR=CONFIGURATION.name,
    AZURE_EXTENSION_USE_DYNAMIC_INSTALL="no",
)

import knack.parser  # noqa: E402
import tree_sitter  # noqa: E402
import tree_sitter_bash  # noqa: E402
from azure.cli.core import get_default_cli  # noqa: E402
from azure.cli.core.parser import AzCliCommandParser  # noqa: E402

BASH = tree_sitter.Parser(tree_sitter.Language(tree_sitter_bash.language()))
# Stands for what only the shell knows when it runs.
UNKNOWN = "PLACEHOLDER"
EXPANSIONS = {
    "simple_expansion",
    "expansion",
    "command_substitution",
    "process_substitution",
    "arithmetic_expansion",
}
NO_WORDS = {"variable_assignment", "file_redirect", "herestring_redirect", "heredoc_redirect", "command_name"}
ALL_ELEMENTS = re.compile(r'"?\$\{?\w+\[@\](:\d+(:\d+)?)?\}?"?|"?\$@"?')
FENCE = re.compile(r"^( *)```(?:bash|sh|shell|console)[^\n]*\n(.*?)^\1```", re.S | re.M)


class Parsed(BaseException):
    """The parser took the line."""


class Refused(BaseException):
    """The parser did not."""


def refuse(self, message):
    raise Refused(message)


def check_value(self, action, value):
    """A value that only the shell knows cannot be held against a list; a name of a command can."""
    if action.choices is None or value in action.choices or (self.command_source and value == UNKNOWN):
        return
    where = action.option_strings[0] if action.option_strings else "a command"
    near = difflib.get_close_matches(str(value), [str(choice) for choice in action.choices])
    raise Refused(f"'{value}' is not known for {where}" + (f", did you mean '{near[0]}'?" if near else ""))


def parse(self, args=None, namespace=None):
    super(AzCliCommandParser, self).parse_args(args)
    raise Parsed


AzCliCommandParser.error = refuse
AzCliCommandParser._check_value = check_value
knack.parser.CLICommandParser.error = refuse
AzCliCommandParser.parse_args = parse


def word(node, source):
    """A word of a command, with what the shell would put in replaced."""
    text = source[node.start_byte : node.end_byte].decode()
    if node.type in EXPANSIONS:
        return UNKNOWN
    if node.type == "raw_string":
        return text[1:-1]
    if node.type in ("string", "concatenation"):
        quoted = node.type == "string"
        begin, end = node.start_byte + quoted, node.end_byte - quoted
        parts = []
        for child in node.children:
            if child.type == '"':
                continue
            parts.append(source[begin : child.start_byte].decode())
            parts.append(word(child, source))
            begin = child.end_byte
        return "".join(parts) + source[begin:end].decode()
    return re.sub(r"\\(.)", r"\1", text.replace("\\\n", ""))


def calls(text):
    """Line, words and whether a list of unknown length is among them, for each call of az."""
    source = text.encode()
    waiting = [BASH.parse(source).root_node]
    while waiting:
        node = waiting.pop(0)
        waiting.extend(node.children)
        name = node.child_by_field_name("name") if node.type == "command" else None
        if name is None or source[name.start_byte : name.end_byte] != b"az":
            continue
        words, lists = [], False
        for child in node.children:
            if child.type in NO_WORDS or child == name:
                continue
            if ALL_ELEMENTS.fullmatch(source[child.start_byte : child.end_byte].decode()):
                lists = True
                continue
            words.append(word(child, source))
        yield node.start_point[0] + 1, words, lists


def blocks(path):
    """Where each piece of shell in the file begins, and its text."""
    text = path.read_text()
    if path.suffix != ".md":
        yield 0, text
        return
    for fence in FENCE.finditer(text):
        body = re.sub(r"^\$ ", "", fence[2], flags=re.M)
        yield text[: fence.start(2)].count("\n"), re.sub(r"<[A-Za-z][\w .-]*>", UNKNOWN, body)


def complaint(words, lists):
    """What the parser has against the words, if anything."""
    said = io.StringIO()
    with contextlib.redirect_stderr(said), contextlib.redirect_stdout(said):
        try:
            get_default_cli().invoke(words)
        except Parsed:
            return None
        except Refused as refused:
            message = str(refused)
        except SystemExit as left:
            message = f"exit {left.code}: {said.getvalue().strip()}"
        except Exception as failure:
            message = f"{type(failure).__name__}: {failure}"
        else:
            message = f"it was not parsed: {said.getvalue().strip()}"
    if lists and "are required" in message:
        return None
    if UNKNOWN in message and "invalid" in message:
        return None
    return message


def main():
    known, count = {}, 0
    for name in sys.argv[1:]:
        for offset, text in blocks(pathlib.Path(name)):
            for line, words, lists in calls(text):
                count += 1
                key = (tuple(words), lists)
                if key not in known:
                    known[key] = complaint(words, lists)
                if known[key]:
                    refused = {"file": name, "line": offset + line, "words": words, "why": known[key]}
                    print(json.dumps(refused))
    print(json.dumps({"commands": count, "different": len(known)}))


if __name__ == "__main__":
    main()
