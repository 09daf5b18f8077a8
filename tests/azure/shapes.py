"""The shapes in which Azure answers, with values of this project's own, and the way to the emulator
that does what a site does."""

import base64
import json
import time
import urllib.error
import urllib.request

SUBSCRIPTION = "00000000-0000-0000-0000-000000000001"
TENANT = "00000000-0000-0000-0000-0000000000aa"
CLIENT = "00000000-0000-0000-0000-0000000000bb"
WORKSPACE = "00000000-0000-0000-0000-0000000000cc"
SITE = "app-labrat-fake"

SUBSCRIPTION_SHAPE = {
    "id": f"/subscriptions/{SUBSCRIPTION}",
    "subscriptionId": SUBSCRIPTION,
    "displayName": "fake",
    "state": "Enabled",
    "tenantId": TENANT,
}
PROFILE = {
    "installationId": "00000000-0000-0000-0000-0000000000dd",
    "subscriptions": [
        {
            "id": SUBSCRIPTION,
            "name": "fake",
            "state": "Enabled",
            "user": {"name": "systemAssignedIdentity", "type": "servicePrincipal", "assignedIdentityInfo": "MSI"},
            "isDefault": True,
            "tenantId": TENANT,
            "environmentName": "Fake",
            "homeTenantId": TENANT,
            "managedByTenants": None,
        }
    ],
}
QUOTA = {
    "error": {
        "code": "InvalidTemplateDeployment",
        "message": "The template deployment 'labrat' is not valid according to the validation procedure.",
        "details": [
            {
                "code": "SubscriptionIsOverQuotaForSku",
                "message": "Operation cannot be completed without additional quota. Current Limit "
                "(Basic VMs): 0. Amount required for this deployment (Basic VMs): 1.",
            }
        ],
    }
}
DEPLOYMENT_FAILED = {
    "code": "DeploymentFailed",
    "message": "At least one resource deployment operation failed.",
    "details": [{"code": "Conflict", "message": "Website with given name already exists."}],
}
IN_PROGRESS = (
    "Cannot modify this site because another operation is in progress. Details: "
    "Id: 00000000-0000-0000-0000-0000000000ee, OperationName: SwapSiteSlots"
)

# What the tables hold where no emulator has any.
ROWS = {
    "http": [
        {
            "TimeGenerated": f"2026-01-01T00:00:0{second}.1234567Z",
            "CsMethod": "GET",
            "CsHost": "site.example.net",
            "CsUriStem": "/health",
            "ScStatus": 200,
            "TimeTaken": 7,
        }
        for second in range(4)
    ],
    "console": [{"TimeGenerated": "2026-01-01T00:00:00Z", "Level": "Error", "ResultDescription": "Booting worker"}],
    "platform": [{"TimeGenerated": "2026-01-01T00:00:00Z", "Level": "Informational", "Message": "Site started."}],
}


def error(code, message):
    return {"error": {"code": code, "message": message}}


def web_error(code, message):
    """The other shape: that of App Service's own resource provider."""
    entity = {"ExtendedCode": "59203", "MessageTemplate": message, "Parameters": [], "Code": code, "Message": message}
    details = [{"Message": message}, {"Code": code}, {"ErrorEntity": entity}]
    return {"Code": code, "Message": message, "Target": None, "Details": details, "Innererror": None}


def token(audience):
    """An access token that nobody signed."""

    def part(value):
        return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()

    expiry = int(time.time()) + 86_400
    machine = f"/subscriptions/{SUBSCRIPTION}/resourcegroups/x/providers/Microsoft.Compute/virtualMachines/v"
    claims = {"tid": TENANT, "oid": CLIENT, "appid": CLIENT, "exp": expiry, "aud": audience, "xms_mirid": machine}
    return {
        "access_token": ".".join([part({"alg": "none", "typ": "JWT"}), part(claims), "c2ln"]),
        "expires_on": str(expiry),
        "resource": audience,
        "token_type": "Bearer",
        "client_id": CLIENT,
    }


def cloud(url):
    """A cloud whose every endpoint is the fake, as az keeps it."""
    names = ["active_directory_resource_id", "app_service_resource_id", "log_analytics_resource_id", "management", "resource_manager"]
    names += ["active_directory_graph_resource_id", "microsoft_graph_resource_id"]
    own = {f"endpoint_{name}": url for name in names}
    return {**own, "endpoint_active_directory": f"{url}/", "suffix_storage_endpoint": "fake.local", "subscription": SUBSCRIPTION}


def provider(namespace):
    kinds = ["sites", "sites/slots", "serverfarms"] if namespace == "microsoft.web" else ["workspaces"]
    types = [{"resourceType": kind, "apiVersions": ["2024-11-01"], "locations": []} for kind in kinds]
    return {"namespace": namespace, "registrationState": "Registered", "resourceTypes": types}


def group(path, name, tags):
    return {
        "id": path,
        "name": name,
        "type": "Microsoft.Resources/resourceGroups",
        "location": "westeurope",
        "tags": tags,
        "properties": {"provisioningState": "Succeeded"},
    }


def resources(group_name, given):
    """What the template makes of its parameters, and a site of somebody else."""
    prefix = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/{group_name}/providers"
    site_name = f"app-{given['baseName']}-fake"
    kinds = [("Microsoft.Web/serverfarms", f"asp-{given['baseName']}-fake"), ("Microsoft.Web/sites", site_name)]
    kinds += [("Microsoft.OperationalInsights/workspaces", f"log-{given['baseName']}-fake")]
    tags = {"application": "labrat", "scenario": given["scenario"], "expiry": given["expiry"]}
    found = [
        {"id": f"{prefix}/{kind}/{own}", "type": kind, "name": own, "location": "westeurope", "tags": tags}
        for kind, own in kinds
    ]
    for slot in given["slotNames"]:
        slot_id = f"{prefix}/Microsoft.Web/sites/{site_name}/slots/{slot}"
        of_slot = {"type": "Microsoft.Web/sites/slots", "name": f"{site_name}/{slot}", "location": "westeurope"}
        found.append({"id": slot_id, **of_slot, "tags": tags})
    other = {"id": f"{prefix}/Microsoft.Web/sites/other", "type": "Microsoft.Web/sites", "name": "other"}
    return [*found, {**other, "location": "westeurope", "tags": None}]


def deployment(path, name, outputs):
    return {
        "id": path,
        "name": name,
        "type": "Microsoft.Resources/deployments",
        "properties": {
            "mode": "Incremental",
            "timestamp": "2026-01-01T00:00:00Z",
            "provisioningState": "Succeeded",
            "outputs": {key: {"type": "String", "value": value} for key, value in outputs.items()},
        },
    }


def site(path, host, deployment_endpoint, plan_id):
    return {
        "id": path,
        "name": path.split("/")[-1],
        "type": "Microsoft.Web/sites",
        "kind": "app,linux",
        "location": "West Europe",
        "properties": {
            "state": "Running",
            "sku": "Basic",
            "reserved": True,
            "defaultHostName": host,
            "enabledHostNames": [host, deployment_endpoint],
            "hostNameSslStates": [{"name": deployment_endpoint, "hostType": "Repository", "sslState": "Disabled"}],
            "serverFarmId": plan_id,
            "siteConfig": {},
        },
    }


def configuration(path, command):
    return {
        "id": path,
        "name": "web",
        "properties": {
            "appCommandLine": command,
            "linuxFxVersion": "PYTHON|3.11",
            "alwaysOn": False,
            "healthCheckPath": None,
            "numberOfWorkers": 1,
            "publishingUsername": "$app-labrat-fake",
        },
    }


def plan(path, sku):
    return {
        "id": path,
        "name": path.split("/")[-1],
        "kind": "linux",
        "location": "West Europe",
        "sku": {"name": sku, "capacity": 1},
        "properties": {"reserved": True, "provisioningState": "Succeeded"},
    }


def table(rows):
    """Rows in the shape in which Log Analytics answers a query."""
    columns = list(rows[0]) if rows else ["TimeGenerated"]

    def kind(name):
        value = rows[0].get(name) if rows else ""
        if name == "TimeGenerated":
            return "datetime"
        return "int" if isinstance(value, int) else "real" if isinstance(value, float) else "string"

    return {
        "tables": [
            {
                "name": "PrimaryResult",
                "columns": [{"name": name, "type": kind(name)} for name in columns],
                "rows": [[row.get(name) for name in columns] for row in rows],
            }
        ]
    }


# The questions that an emulator answers too; the others are for Azure alone.
EMULATOR_QUERIES = {"http", "console", "platform", "status-mix", "latency", "worker-ends", "lifecycle"}

# What the tests give to the emulators that they start for the fake.
EMULATOR_TOKEN = "fake"


class Emulator:
    """The control API of a running emulator; without an address there is nothing to do."""

    def __init__(self, address):
        self.address = address

    def do(self, method, path, body=None):
        if not self.address:
            return None
        request = urllib.request.Request(
            f"http://{self.address}{path}",
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"content-type": "application/json", "authorization": f"Bearer {EMULATOR_TOKEN}"},
        )
        try:
            with urllib.request.urlopen(request, timeout=120) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as failure:
            raise RuntimeError(f"the emulator refuses {method} {path}: {failure.read().decode()}") from failure
