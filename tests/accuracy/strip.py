"""Strip a bundle to what a stranger's export has: three tables, a command, settings."""

import csv
import datetime
import json
import os
import pathlib
import random
import tomllib

LEVELS = {
    "all": ("http", "console", "platform", "command", "settings"),
    "tables": ("http", "console", "platform"),
    "http": ("http",),
    "console": ("console",),
    "platform": ("platform",),
    "minus-http": ("console", "platform", "command", "settings"),
    "minus-console": ("http", "platform", "command", "settings"),
    "minus-platform": ("http", "console", "command", "settings"),
}
TIME = "TimeGenerated"
VERSION = tomllib.loads((pathlib.Path(__file__).parents[2] / "Cargo.toml").read_text())["package"]["version"]


def rows_of(bundle, table):
    path = os.path.join(bundle, "tables", table + ".jsonl")
    if not os.path.exists(path):
        return []
    with open(path) as file:
        return [json.loads(line) for line in file if line.strip()]


class Names:
    """Other names for whatever is this lab's own."""

    WORDS = ["orders", "report", "quote", "search", "export", "login", "cart", "invoice", "users", "items", "rates", "stock"]

    def __init__(self, draw):
        words = self.WORDS[:]
        draw.shuffle(words)
        self.routes = {}
        self.words = words
        self.draw = draw
        self.texts = [
            (f"gunicorn-compatible labrat {VERSION}", "gunicorn 22.0.0"),
            ("labrat serve", "gunicorn"),
            ("labrat migrate", "flask db upgrade && python manage.py migrate"),
            ('File "labrat"', 'File "/opt/python/3.11.9/lib/python3.11/site-packages/gunicorn/util.py", line 371'),
            ("app-labrat", draw.choice(["tideboard", "stockfeed", "seatplan"])),
            ("localhost/appsvc", "mcr.microsoft.com/appsvc"),
            ("python:3.11_labrat-emulator", "python:3.11_20240101.1.tuxprod"),
            ("wrong_module", draw.choice(["shop.wsgi", "main", "backend.server"])),
            ("PAYMENT_ENDPOINT", draw.choice(["MAIL_API_KEY", "STORE_URL", "SEARCH_HOST"])),
            ("cache/plans.bin", "data/index.bin"),
        ]

    def route(self, path):
        if path == "/" or path.startswith("/robots"):
            return path
        if path not in self.routes:
            self.routes[path] = {
                "/health": self.draw.choice(["/healthz", "/alive", "/api/health"]),
                "/ready": self.draw.choice(["/readyz", "/api/state"]),
            }.get(path) or "/" + self.draw.choice(["", "api/"]) + self.words.pop()
        return self.routes[path]

    def text(self, text):
        for old, new in self.texts:
            text = text.replace(old, new)
        for old, new in self.routes.items():
            text = text.replace(f" {old} ", f" {new} ").replace(f" on {old}", f" on {new}")
        return text


def tables(bundle, names):
    # What the lab asks to observe itself no export has.
    http = [row for row in rows_of(bundle, "http") if "(observer)" not in (row.get("UserAgent") or "")]
    hosts = [row.get("CsHost") for row in http]
    for row in http:
        row["CsUriStem"] = names.route(row["CsUriStem"])
        row["CsHost"] = "site.azurewebsites.net" if row.get("CsHost") else None
        row.pop("UserAgent", None)
    known = sorted({host for host in hosts if host}, key=hosts.count, reverse=True)
    for row, host in zip(http, hosts):
        slot = known.index(host) if host in known else 0
        row["CsHost"] = ["site.azurewebsites.net", "site-staging.azurewebsites.net"][min(slot, 1)]
    own = ("Fault endpoints", "ontrol socket listening", "labrat.ctl")
    console = [row for row in rows_of(bundle, "console") if not any(word in row["ResultDescription"] for word in own)]
    for row in console:
        row["ResultDescription"] = names.text(row["ResultDescription"])
    platform = rows_of(bundle, "platform")
    for row in platform:
        row["Message"] = names.text(row["Message"])
    return {"http": http, "console": console, "platform": platform}


def moved(row, seconds):
    time = datetime.datetime.fromisoformat(row[TIME][:26].rstrip("Z") + "+00:00")
    copy = dict(row)
    copy[TIME] = (time + datetime.timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    return copy


def disturbed(tables, draw):
    """Rows that come late and in another order, and calm days around."""
    http = tables["http"]
    calm = [row for row in http if row.get("ScStatus") == 200 and row.get("TimeTaken", 0) < 50]
    if calm and draw.random() < 0.3:
        days = [moved(draw.choice(calm), -draw.uniform(86_400, 3 * 86_400)) for _ in range(draw.randint(50, 300))]
        tables["http"] = http + days
    if draw.random() < 0.3:
        for rows in tables.values():
            draw.shuffle(rows)
    return tables


def write_table(folder, number, rows, draw):
    stem = os.path.join(folder, draw.choice(["query_data", "export", "result"]) + f" ({number})")
    form = draw.choice(["json", "csv", "api", "ndjson"])
    columns = sorted({column for row in rows for column in row})
    if form == "csv":
        with open(stem + ".csv", "w", newline="") as file:
            writer = csv.DictWriter(file, columns)
            writer.writeheader()
            writer.writerows(rows)
    elif form == "api":
        body = {"tables": [{"name": "PrimaryResult", "columns": [{"name": column, "type": "string"} for column in columns],
                            "rows": [[row.get(column) for column in columns] for row in rows]}]}
        with open(stem + ".json", "w") as file:
            json.dump(body, file)
    elif form == "ndjson":
        with open(stem + ".txt", "w") as file:
            file.writelines(json.dumps(row) + "\n" for row in rows)
    else:
        with open(stem + ".json", "w") as file:
            json.dump([{column: None if value is None else str(value) for column, value in row.items()} for row in rows], file)


def settings_of(bundle, moment, sticky):
    """What az would list for production, as the site itself reported it."""
    path = os.path.join(bundle, moment, "diag-slots-production.json")
    if not os.path.exists(path):
        return None
    with open(path) as file:
        values = json.load(file).get("slot_relevant_env", {})
    own = ("WEBSITE_",)
    return [{"name": name, "value": value, "slotSetting": sticky.get(name, False)}
            for name, value in values.items() if not name.startswith(own)]


def listed_value(setting):
    """A bundle keeps no value, but says which settings are references: of those a listing has the text."""
    return "@Microsoft.KeyVault(VaultName=store;SecretName=item)" if setting.get("reference") else setting["value"]


def strip(bundle, folder, level, seed):
    """Write the export of that level into an empty folder."""
    draw = random.Random(f"{seed}/strip")
    names = Names(draw)
    found = disturbed(tables(bundle, names), draw)
    parts = LEVELS[level]
    for number, table in enumerate(("http", "console", "platform"), 1):
        if table in parts and found[table]:
            write_table(folder, number, found[table], draw)
    command = os.path.join(bundle, "baseline", "startup-command.txt")
    if "command" in parts and os.path.exists(command):
        with open(command) as source, open(os.path.join(folder, "startup-command.txt"), "w") as file:
            file.write(names.text(source.read()))
    if "settings" in parts:
        with open(os.path.join(bundle, "manifest.json")) as file:
            listed = json.load(file)["topology"]["settings"]
        sticky = {setting["name"]: setting.get("sticky") or False for setting in listed}
        for moment, word in (("baseline", "before"), ("post", "after")):
            settings = settings_of(bundle, moment, sticky)
            if settings is None and moment == "baseline":
                # A site that is down reports nothing; what was set can be listed all the same.
                settings = [{"name": one["name"], "value": listed_value(one), "slotSetting": sticky[one["name"]]} for one in listed]
            if settings:
                with open(os.path.join(folder, f"app-settings-prod-{word}.json"), "w") as file:
                    json.dump(settings, file)
