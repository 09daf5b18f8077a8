//! Faults that are planted into the good templates: each is found, where it is, and as what it is.

use super::finding::Rule;
use super::{check, checker, library, templates};

/// A fault: in which file, what is replaced by what, and the rule and words of the finding.
struct Fault {
    file: &'static str,
    good: &'static str,
    bad: &'static str,
    rule: Rule,
    words: &'static str,
}

const fn fault(
    file: &'static str,
    good: &'static str,
    bad: &'static str,
    rule: Rule,
    words: &'static str,
) -> Fault {
    Fault {
        file,
        good,
        bad,
        rule,
        words,
    }
}

const MAIN: &str = "main.bicep";
const PLAN: &str = "modules/plan.bicep";
const SITE: &str = "modules/site.bicep";
const SLOT: &str = "modules/slot.bicep";
const DIAGNOSTICS: &str = "modules/site-diagnostics.bicep";
const WORKSPACE: &str = "modules/workspace.bicep";
const REGISTRY: &str = "modules/registry.bicep";
const ALERTS: &str = "modules/alerts.bicep";

const FAULTS: &[Fault] = &[
    // Form.
    fault(PLAN, "kind: 'linux'", "kind = 'linux'", Rule::Syntax, ""),
    fault(PLAN, "kind: 'linux'", "kind: \"linux\"", Rule::Syntax, ""),
    fault(PLAN, "name: skuName\n", "name: {\n", Rule::Syntax, ""),
    fault(
        MAIN,
        "'app-${baseName}-",
        "'app-${baseName-",
        Rule::Syntax,
        "",
    ),
    fault(
        SITE,
        "httpsOnly: true\n    client",
        "httpsOnly: true client",
        Rule::Layout,
        "comma",
    ),
    fault(
        MAIN,
        "var siteName = ",
        "var siteName =\n  ",
        Rule::Layout,
        "line break",
    ),
    // Names.
    fault(
        PLAN,
        "name: name\n",
        "name: nam\n",
        Rule::UnknownSymbol,
        "nam",
    ),
    fault(
        MAIN,
        "createRegistry ? registry!.outputs.identityId",
        "createRegistry ? registri.outputs.identityId",
        Rule::UnknownSymbol,
        "registri",
    ),
    fault(
        SITE,
        "setting.key",
        "settin.key",
        Rule::UnknownSymbol,
        "settin",
    ),
    fault(
        MAIN,
        "var siteName",
        "var scenario = 'x'\nvar siteName",
        Rule::Duplicate,
        "scenario is declared twice",
    ),
    fault(
        PLAN,
        "var tiers",
        "var unused = 1\nvar tiers",
        Rule::Unused,
        "unused",
    ),
    fault(
        WORKSPACE,
        "retentionInDays: 30",
        "retentionInDays: 30\n    retentionInDays: 31",
        Rule::Duplicate,
        "retentionInDays is set twice",
    ),
    // Functions.
    fault(
        MAIN,
        "uniqueString(",
        "uniqueStrng(",
        Rule::UnknownFunction,
        "uniqueStrng",
    ),
    fault(
        MAIN,
        "replace(toLower(baseName), '-', '')",
        "replace(toLower(baseName), '-')",
        Rule::Arguments,
        "takes 3, not 2",
    ),
    fault(
        SITE,
        "startsWith(runtime, 'DOCKER|')",
        "startsWith(runtime, 1)",
        Rule::Arguments,
        "1 where string",
    ),
    fault(
        SITE,
        "in items(settings)",
        "in items(stickySettings)",
        Rule::Arguments,
        "array where object",
    ),
    // Decorators.
    fault(
        MAIN,
        "@minLength(16)",
        "@minLenght(16)",
        Rule::Decorator,
        "minLenght",
    ),
    fault(
        WORKSPACE,
        "@maxValue(100)",
        "@maxLength(100)",
        Rule::Decorator,
        "maxLength",
    ),
    // Modules.
    fault(
        MAIN,
        "'modules/plan.bicep'",
        "'modules/plans.bicep'",
        Rule::Module,
        "plans",
    ),
    fault(
        MAIN,
        "    skuName: planSku\n",
        "",
        Rule::Required,
        "params.skuName is missing",
    ),
    fault(
        MAIN,
        "skuName: planSku",
        "skuName: planSku\n    size: 'B1'",
        Rule::UnknownProperty,
        "params.size",
    ),
    fault(
        MAIN,
        "skuName: planSku",
        "skuName: 'F1'",
        Rule::Value,
        "'F1' is none of B1, S1, P1v3",
    ),
    fault(
        MAIN,
        "alwaysOn: alwaysOn\n    deployerAddress: deployerAddress\n    identityId: createRegistry ? registry!.outputs.identityId : ''\n    identityClientId: createRegistry ? registry!.outputs.identityClientId : ''\n  }",
        "alwaysOn: baseName\n    deployerAddress: deployerAddress\n  }",
        Rule::Type,
        "params.alwaysOn: string where bool",
    ),
    fault(
        MAIN,
        "workspace.outputs.customerId",
        "workspace.outputs.customerID",
        Rule::UnknownProperty,
        "customerId meant",
    ),
    fault(
        MAIN,
        "slots[index].outputs",
        "slots.outputs",
        Rule::Type,
        "array has no outputs",
    ),
    fault(
        MAIN,
        "param planSku string = 'B1'",
        "param planSku string = 'B2'",
        Rule::Value,
        "'B2' is none of",
    ),
    // Resource types.
    fault(
        PLAN,
        "Microsoft.Web/serverfarms@",
        "Microsoft.Web/serverfarm@",
        Rule::ResourceType,
        "serverfarm@",
    ),
    fault(
        PLAN,
        "serverfarms@2024-11-01",
        "serverfarms@2024-11-31",
        Rule::ApiVersion,
        "2024-11-01",
    ),
    // Properties.
    fault(
        SITE,
        "linuxFxVersion:",
        "linuxFxVersionn:",
        Rule::UnknownProperty,
        "linuxFxVersion meant",
    ),
    fault(
        DIAGNOSTICS,
        "workspaceId: workspaceId",
        "workspaceID: workspaceId",
        Rule::UnknownProperty,
        "workspaceId meant",
    ),
    fault(
        PLAN,
        "  location: location\n",
        "  location: location\n  id: name\n",
        Rule::ReadOnly,
        "id is set by Azure",
    ),
    fault(
        SITE,
        "httpsOnly: true",
        "httpsOnly: true\n    state: 'Running'",
        Rule::ReadOnly,
        "properties.state",
    ),
    fault(
        WORKSPACE,
        "  location: location\n",
        "",
        Rule::Required,
        "location is missing",
    ),
    fault(
        DIAGNOSTICS,
        "category: 'AppServiceHTTPLogs'\n        enabled: true",
        "category: 'AppServiceHTTPLogs'",
        Rule::Required,
        "enabled is missing",
    ),
    fault(
        SITE,
        "site.properties.defaultHostName",
        "site.properties.defaultHostNam",
        Rule::UnknownProperty,
        "defaultHostName meant",
    ),
    fault(
        SITE,
        "string = site.properties.defaultHostName",
        "string = site.properties.siteConfig.appCommandLine",
        Rule::WriteOnly,
        "siteConfig cannot be read",
    ),
    fault(
        SITE,
        "string = site.name",
        "int = site.name",
        Rule::Type,
        "string where int",
    ),
    // Types and values.
    fault(
        SITE,
        "httpsOnly: true",
        "httpsOnly: 'yes'",
        Rule::Type,
        "properties.httpsOnly: 'yes' where bool",
    ),
    fault(
        PLAN,
        "capacity: 1",
        "capacity: 'one'",
        Rule::Type,
        "sku.capacity",
    ),
    fault(
        PLAN,
        "reserved: true",
        "reserved: skuName",
        Rule::Type,
        "properties.reserved",
    ),
    fault(
        SITE,
        "alwaysOn: alwaysOn",
        "alwaysOn: empty(name) ? 'on' : alwaysOn",
        Rule::Type,
        "'on' where bool",
    ),
    fault(
        SITE,
        "ftpsState: 'Disabled'",
        "ftpsState: 'Off'",
        Rule::Value,
        "'Off' is none of",
    ),
    fault(
        SITE,
        "minTlsVersion: '1.2'\n      scm",
        "minTlsVersion: '1.4'\n      scm",
        Rule::Value,
        "'1.4' is none of",
    ),
    fault(
        SITE,
        "name: 'ftp'",
        "name: 'ftps'",
        Rule::Value,
        "name is none of ftp, scm",
    ),
    fault(
        ALERTS,
        "severity: 2",
        "severity: 7",
        Rule::Value,
        "7 is out of range",
    ),
    fault(
        ALERTS,
        "operator: 'GreaterThan'",
        "operator: 'MoreThan'",
        Rule::Value,
        "'MoreThan' is none of",
    ),
    fault(
        WORKSPACE,
        "name: 'PerGB2018'",
        "name: 'PerGb'",
        Rule::Value,
        "'PerGb' is none of",
    ),
    fault(
        REGISTRY,
        "principalType: 'ServicePrincipal'",
        "principalType: 'Robot'",
        Rule::Value,
        "'Robot' is none of",
    ),
    // Parents.
    fault(
        SLOT,
        "  parent: site\n",
        "",
        Rule::Parent,
        "microsoft.web/sites, is missing",
    ),
    fault(
        SLOT,
        "parent: slot\n  name: 'ftp'",
        "parent: site\n  name: 'ftp'",
        Rule::Parent,
        "has to be a microsoft.web/sites/slots",
    ),
    // Secrets.
    fault(
        MAIN,
        "output webAppName string = site.outputs.name",
        "output webAppName string = labKey",
        Rule::Secret,
        "output",
    ),
    fault(
        SITE,
        "@secure()\n",
        "",
        Rule::Secret,
        "settings is not secure",
    ),
    // What is not read here is not passed over.
    fault(
        PLAN,
        "var tiers",
        "func double(x int) int => x\nvar tiers",
        Rule::Unsupported,
        "user_defined_function",
    ),
];

#[test]
fn every_planted_fault_is_found_as_what_it_is() {
    let (library, good) = (library(), templates());
    let mut missed = Vec::new();
    for fault in FAULTS {
        let mut sources = good.clone();
        let text = sources.get_mut(fault.file).unwrap();
        assert!(text.contains(fault.good), "{}: {}", fault.file, fault.good);
        *text = text.replacen(fault.good, fault.bad, 1);
        let found = checker::check(&library, &sources);
        let seen = found
            .iter()
            .any(|finding| finding.rule == fault.rule && finding.message.contains(fault.words));
        if !seen {
            let found: Vec<String> = found.iter().map(ToString::to_string).collect();
            missed.push(format!(
                "{} -> {:?}\n    {}",
                fault.bad,
                fault.rule,
                found.join("\n    ")
            ));
        }
    }
    assert!(
        missed.is_empty(),
        "{} missed:\n{}",
        missed.len(),
        missed.join("\n")
    );
}

#[test]
fn a_finding_names_the_line_and_one_fault_is_one_finding() {
    let mut sources = templates();
    let text = sources.get_mut(PLAN).unwrap();
    *text = text.replace("    capacity: 1\n", "    capacty: 1\n");
    let line = text
        .lines()
        .position(|line| line.contains("capacty"))
        .unwrap()
        + 1;
    let found: Vec<String> = check(&sources).iter().map(ToString::to_string).collect();
    assert_eq!(
        found,
        [format!(
            "{PLAN}:{line}: UnknownProperty: there is no sku.capacty; is capacity meant?"
        )]
    );
}

#[test]
fn the_faults_are_of_every_rule() {
    let rules: std::collections::BTreeSet<Rule> = FAULTS.iter().map(|fault| fault.rule).collect();
    assert_eq!(rules.len(), 20, "{rules:?}");
    assert!(FAULTS.len() >= 20);
}
