"""A fake of Azure on loopback for the real az: Resource Manager, the deployment endpoint, the
query endpoint of Log Analytics, and a managed identity to log in with.

It records every request and answers in the shapes of the real ones. What a site does is done by
the project's own emulator, where --host-control names one: a changed command, setting or slot is
changed there, and queries are answered from its tables. It is no model of Azure: what it does not
know is answered 404 and fails the test.

Prints one line of JSON with what a client needs, then serves until it is ended.
"""

import argparse
import http.server
import json
import pathlib
import re
import ssl
import threading

import shapes


class Azure:
    """What is there, and what was asked."""

    def __init__(self, options):
        self.options = options
        self.emulator = shapes.Emulator(options.host_control)
        self.lock = threading.Lock()
        self.groups = {}
        self.deployments = {}
        self.resources = []
        self.command = ""
        self.settings = {}
        self.sticky = []
        self.sku = "B1"
        self.swapping = None
        self.publishes = 0
        if options.existing_group:
            self.groups[options.existing_group] = {}
        if options.deployed:
            self.begin_deployed(options.deployed)

    def begin_deployed(self, group_name):
        """As if deploy.sh had run."""
        self.groups.setdefault(group_name, {"application": "labrat"})
        path = f"/subscriptions/{shapes.SUBSCRIPTION}/resourcegroups/{group_name}/providers/Microsoft.Resources/deployments/labrat"
        given = {"startupCommand": "labrat serve app:app", "labKey": "the key that was there", "slotNames": []}
        given |= {"appSettings": {"production": {}}, "stickySettings": [], "scenario": "", "expiry": "2030-01-01"}
        parameters = {name: {"value": value} for name, value in ({"baseName": "labrat"} | given).items()}
        if self.options.parameters:
            parameters |= json.loads(self.options.parameters.read_text())["parameters"]
        # As deploy.sh words it: the program is where the package is.
        parameters["startupCommand"] = {"value": f"cp ./labrat /tmp/labrat && chmod +x /tmp/labrat && exec /tmp/{parameters['startupCommand']['value']}"}
        self.deploy(path, "labrat", {"parameters": parameters})

    def record(self, method, path, body):
        """Add a request to the record."""
        line = {"method": method, "path": path}
        try:
            line["body"] = json.loads(body)
        except ValueError:
            line["bytes"] = len(body)
        with self.lock, open(self.options.requests, "a", encoding="utf-8") as log:
            log.write(json.dumps(line) + "\n")

    def route(self, method, path, body):
        """Status and answer."""
        for pattern, methods, answer in ROUTES:
            found = re.fullmatch(pattern, path.lower())
            if found and method in methods:
                return answer(self, method, path, found, body)
        return 404, shapes.error("ResourceNotFound", f"the fake does not know {method} {path}")

    # Logging in.

    def token(self, *_):
        return 200, shapes.token(self.url)

    def subscriptions(self, *_):
        return 200, {"value": [shapes.SUBSCRIPTION_SHAPE]}

    def tenants(self, *_):
        return 200, {"value": [{"id": f"/tenants/{shapes.TENANT}", "tenantId": shapes.TENANT}]}

    def provider(self, method, path, found, body):
        return 200, shapes.provider(found["provider"])

    # Resource groups.

    def group(self, method, path, found, body):
        name = found["group"]
        if method == "PUT":
            self.groups[name] = json.loads(body).get("tags") or {}
        if method == "HEAD":
            return (204 if name in self.groups else 404), None
        if name not in self.groups:
            return 404, shapes.error("ResourceGroupNotFound", f"Resource group '{name}' could not be found.")
        if method == "DELETE":
            del self.groups[name]
            self.resources, self.deployments = [], {}
            return 200, None
        return 200, shapes.group(path, name, self.groups[name])

    def list_resources(self, *_):
        return 200, {"value": self.resources}

    def delete_resource(self, method, path, found, body):
        self.resources = [resource for resource in self.resources if resource["id"].lower() != path.lower()]
        return 200, None

    # The deployment.

    def validate(self, method, path, found, body):
        if self.options.fault == "quota":
            return 400, shapes.QUOTA
        return 200, {"id": path, "name": "validated", "properties": {"provisioningState": "Succeeded"}}

    def deployment(self, method, path, found, body):
        name = found["deployment"]
        if method == "PUT":
            self.deploy(path, name, json.loads(body)["properties"])
        if name not in self.deployments:
            return 404, shapes.error("DeploymentNotFound", f"Deployment '{name}' could not be found.")
        if method == "DELETE":
            del self.deployments[name]
            return 204, None
        # A deployment takes its time: its outcome is asked for.
        return (201 if method == "PUT" else 200), self.deployments[name]

    def outcome(self, method, path, found, body):
        if self.options.fault == "deployment":
            return 200, {"status": "Failed", "error": shapes.DEPLOYMENT_FAILED}
        return 200, {"status": "Succeeded"}

    def deploy(self, path, name, properties):
        """Do what the template would, as far as the scripts see it."""
        given = {key: value["value"] for key, value in properties["parameters"].items()}
        self.command = given["startupCommand"]
        self.sku = given.get("planSku", "B1")
        key = {"LAB_KEY": given["labKey"], "SCM_DO_BUILD_DURING_DEPLOYMENT": "false", "ENABLE_ORYX_BUILD": "false"}
        self.settings = {slot: {**settings, **key} for slot, settings in given["appSettings"].items()}
        self.sticky = list(given["stickySettings"])
        outputs = {
            "webAppName": shapes.SITE,
            "productionDefaultHostName": self.options.production,
            "slotDefaultHostNames": [self.options.staging for _ in given["slotNames"]],
            "logAnalyticsWorkspaceCustomerId": shapes.WORKSPACE,
        }
        self.deployments[name] = shapes.deployment(path, name, outputs)
        # Incremental: what the template names is made or renewed, everything else stays.
        made = {resource["id"]: resource for resource in shapes.resources(path.split("/")[4], given)}
        there = {resource["id"]: resource for resource in self.resources}
        self.resources = list((there | made).values())

    # The site.

    def site(self, method, path, found, body):
        if not self.resources:
            return 404, shapes.error("ResourceNotFound", f"The Resource '{path}' was not found.")
        return 200, shapes.site(path, self.options.production, self.authority, self.resources[0]["id"])

    def configuration(self, method, path, found, body):
        if method in WRITE:
            wanted = json.loads(body)["properties"].get("appCommandLine")
            if wanted is not None and wanted != self.command:
                self.command = wanted
                # What stands before the words is the package's way to its program.
                own = re.sub(r"^.*?labrat serve", "labrat serve", wanted)
                self.emulator.do("POST", "/slots/production/startup-command", {"command": own})
        return 200, shapes.configuration(path, self.command)

    def app_settings(self, method, path, found, body):
        slot = found["slot"] or "production"
        if method == "PUT":
            wanted, old = json.loads(body)["properties"], self.settings.get(slot, {})
            changed = [
                {"name": name, "value": value, "sticky": name in self.sticky, "kind": "app"}
                for name, value in wanted.items()
                if old.get(name) != value
            ]
            self.settings[slot] = wanted
            if changed:
                self.emulator.do("PUT", f"/slots/{slot}/settings", changed)
        return 200, {"id": path, "name": "appsettings", "properties": self.settings.get(slot, {})}

    def passwords(self, method, path, found, body):
        return 200, {"id": path, "name": "scm", "properties": {"allow": False}}

    def slot_names(self, method, path, found, body):
        if method == "PUT":
            wanted = json.loads(body)["properties"].get("appSettingNames") or []
            changed = set(wanted) ^ set(self.sticky)
            self.sticky = wanted
            for slot, settings in self.settings.items():
                moved = [
                    {"name": name, "value": settings[name], "sticky": name in wanted, "kind": "app"}
                    for name in sorted(changed & settings.keys())
                ]
                if moved:
                    self.emulator.do("PUT", f"/slots/{slot}/settings", moved)
        return 200, {"id": path, "name": "slotConfigNames", "properties": {"appSettingNames": self.sticky}}

    def swap(self, method, path, found, body):
        """Accepted, and done while the client asks for the result."""
        if self.options.fault == "swap-conflict":
            return 409, shapes.web_error("Conflict", shapes.IN_PROGRESS)
        self.swapping = Swap(self, found["slot"], json.loads(body)["targetSlot"])
        return 202, None

    def swap_result(self, method, path, found, body):
        """202 for as long as it lasts, then the slot as it is, or why not."""
        if self.swapping is None:
            return 404, shapes.web_error("NotFound", "there is no such operation")
        if not self.swapping.look():
            return 202, None
        if self.swapping.failure:
            name = path.split("/")[8]
            reason = f"Cannot swap site slots for site '{name}' because the '{found['slot']}' slot did not respond to http ping."
            return 417, shapes.web_error("ExpectationFailed", reason)
        return self.site(method, path.rpartition("/operationresults")[0], found, body)

    def publish(self, *arguments):
        """The first is stopped where the container that takes deployments restarts."""
        self.publishes += 1
        if self.options.fault == "scm-restart" and self.publishes == 1:
            return 400, {"message": "Deployment has been stopped due to SCM container restart."}
        return self.published(*arguments)

    def published(self, *_):
        return 200, {"id": "1", "status": 4, "complete": True, "active": True, "status_text": "", "message": ""}

    def plan(self, method, path, found, body):
        if method in WRITE:
            self.sku = json.loads(body).get("sku", {}).get("name", self.sku)
        return 200, shapes.plan(path, self.sku)

    # The log tables.

    def query(self, method, path, found, body):
        name = self.options.queries.get(without_times(json.loads(body)["query"]))
        if name is None:
            return 400, shapes.error("BadArgumentError", "the fake does not know the query")
        if self.options.fault == f"export-{name}":
            return 403, shapes.error("InsufficientAccessError", "The provided credentials have insufficient access")
        if self.options.fault == "empty":
            return 200, shapes.table([])
        if not self.options.host_control:
            return 200, shapes.table(shapes.ROWS.get(name, []))
        if name not in shapes.EMULATOR_QUERIES:
            return 200, shapes.table([])
        return 200, shapes.table(self.emulator.do("GET", f"/query/{name}"))


class Swap:
    """A swap in the background: it takes as long as the emulator does, and at least two looks."""

    def __init__(self, azure, source, target):
        self.azure, self.source, self.target = azure, source, target
        self.looks = 0
        self.failure = None
        self.work = threading.Thread(target=self.run, daemon=True)
        self.work.start()

    def run(self):
        if self.azure.options.fault == "swap-ping":
            self.failure = "as told"
            return
        try:
            self.azure.emulator.do("POST", "/swap", {"source": self.source, "preview": False})
        except RuntimeError as failure:
            self.failure = str(failure)
            return
        settings, sticky = self.azure.settings, self.azure.sticky
        both = [settings.get(self.source, {}), settings.get(self.target, {})]
        for slot, (own, other) in zip((self.source, self.target), (both, both[::-1])):
            stays = {name: value for name, value in own.items() if name in sticky}
            moves = {name: value for name, value in other.items() if name not in sticky}
            settings[slot] = moves | stays

    def look(self):
        """Whether it is over."""
        self.looks += 1
        return self.looks > 2 and not self.work.is_alive()


GROUP = r"/subscriptions/[^/]+/resourcegroups/(?P<group>[^/]+)"
DEPLOYMENT = GROUP + r"/providers/microsoft\.resources/deployments/(?P<deployment>[^/]+)"
SITES = GROUP + r"/providers/microsoft\.web/sites/[^/]+(/slots/(?P<slot>[^/]+))?"
PLANS = GROUP + r"/providers/microsoft\.web/serverfarms/[^/]+"
WORKSPACES = GROUP + r"/providers/microsoft\.operationalinsights/workspaces/[^/]+"
READ, WRITE = ("GET", "HEAD"), ("PUT", "PATCH")
ROUTES = [
    (r"/msi.*", READ, Azure.token),
    (r"/subscriptions", READ, Azure.subscriptions),
    (r"/tenants", READ, Azure.tenants),
    (r"/subscriptions/[^/]+/providers/(?P<provider>[^/]+)", READ, Azure.provider),
    (r"/subscriptions/[^/]+/resources", READ, Azure.list_resources),
    (GROUP, READ + WRITE + ("DELETE",), Azure.group),
    (GROUP + r"/resources", READ, Azure.list_resources),
    (DEPLOYMENT + r"/validate", ("POST",), Azure.validate),
    (DEPLOYMENT + r"/operationstatuses/1", READ, Azure.outcome),
    (DEPLOYMENT, READ + WRITE + ("DELETE",), Azure.deployment),
    (SITES, READ, Azure.site),
    (SITES, ("DELETE",), Azure.delete_resource),
    (SITES + r"/config/web", READ + WRITE, Azure.configuration),
    (SITES + r"/config/appsettings(/list)?", ("POST",) + WRITE, Azure.app_settings),
    (SITES + r"/config/slotconfignames", READ + WRITE, Azure.slot_names),
    (SITES + r"/basicpublishingcredentialspolicies/scm", READ, Azure.passwords),
    (SITES + r"/slotsswap", ("POST",), Azure.swap),
    (SITES + r"/operationresults/1", READ, Azure.swap_result),
    (PLANS, READ + WRITE, Azure.plan),
    (PLANS, ("DELETE",), Azure.delete_resource),
    (WORKSPACES, ("DELETE",), Azure.delete_resource),
    (r"/api/publish", ("POST",), Azure.publish),
    (r"/api/deployments(/.*)?", READ, Azure.published),
    (r"/v1/workspaces/[^/]+/query", ("POST",), Azure.query),
]


def without_times(text):
    """A query without the moments that a script put into it, its comments and its blanks."""
    text = re.sub(r"//.*", "", text)
    text = re.sub(r"datetime\([^)]*\)", "datetime()", text)
    return " ".join(text.split())


def handler(azure):
    """The handler of both servers."""

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_):
            pass

        def answer(self):
            body = self.rfile.read(int(self.headers.get("content-length") or 0))
            # az puts a template as it is behind a name without quotes.
            body = body.replace(b", template:{", b', "template":{')
            path = re.sub("/+", "/", self.path.partition("?")[0])
            azure.record(self.command, path, body)
            try:
                status, answer = azure.route(self.command, path, body)
            except Exception as failure:  # A test sees it in az's own words.
                status, answer = 500, shapes.error("FakeFailed", repr(failure))
            text = b"" if answer is None else json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(text)))
            if status == 201:
                self.send_header("azure-asyncoperation", f"{azure.url}{path}/operationStatuses/1?api-version=1")
                self.send_header("retry-after", "0")
            if status == 202:
                # The address of the result is given anew with each look, as App Service does.
                result = path.replace("/slotsswap", "/operationresults/1")
                self.send_header("location", f"{azure.url}{result}?api-version=1")
                self.send_header("retry-after", "1")
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(text)

        do_GET = do_HEAD = do_PUT = do_PATCH = do_POST = do_DELETE = answer

    return Handler


def write_login(folder, url, logged_in):
    """What az cloud register, az cloud set and az login --identity would leave in az's folder."""
    cloud = "\n".join(f"{name} = {value}" for name, value in shapes.cloud(url).items())
    (folder / "clouds.config").write_text(f"[Fake]\n{cloud}\n")
    (folder / "config").write_text("[cloud]\nname = Fake\n[bicep]\ncheck_version = False\n")
    if logged_in:
        (folder / "azureProfile.json").write_text(json.dumps(shapes.PROFILE), encoding="utf-8-sig")


def serve():
    """Read the command line and serve."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--requests", required=True, help="file to which every request is written")
    parser.add_argument("--cert", required=True)
    parser.add_argument("--key", required=True)
    parser.add_argument("--kql", required=True, type=pathlib.Path, help="folder of the known queries")
    parser.add_argument("--az-config", required=True, type=pathlib.Path, help="az's folder, to be filled")
    parser.add_argument("--host-control", help="address of an emulator's control API")
    parser.add_argument("--production", default="127.0.0.1:1", help="where the production slot is")
    parser.add_argument("--staging", default="127.0.0.1:1")
    parser.add_argument("--existing-group", help="a resource group that was there before")
    parser.add_argument("--deployed", help="a resource group in which everything is there already")
    parser.add_argument("--parameters", type=pathlib.Path, help="with which parameters that was deployed")
    parser.add_argument("--fault", help="login, quota, deployment, scm-restart, empty, export-TABLE, swap-ping, swap-conflict")
    options = parser.parse_args()
    options.queries = {without_times(file.read_text()): file.stem for file in options.kql.glob("*.kql")}
    azure = Azure(options)
    secure = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler(azure))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(options.cert, options.key)
    secure.socket = context.wrap_socket(secure.socket, server_side=True)
    plain = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler(azure))
    azure.authority = f"127.0.0.1:{secure.server_port}"
    azure.url = f"https://{azure.authority}"
    threading.Thread(target=secure.serve_forever, daemon=True).start()
    write_login(options.az_config, azure.url, options.fault != "login")
    print(json.dumps({"url": azure.url, "identity": f"http://127.0.0.1:{plain.server_port}/msi"}), flush=True)
    plain.serve_forever()


if __name__ == "__main__":
    serve()
