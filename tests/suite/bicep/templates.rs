//! The templates themselves: nothing is found in them, and they hold what the labs need.

use tree_sitter::Node;

use super::source::{Source, children};
use super::{check, templates};

#[test]
fn nothing_is_found_in_the_templates() {
    let sources = templates();
    assert!(sources.len() >= 8, "only {} files", sources.len());
    let found: Vec<String> = check(&sources).iter().map(ToString::to_string).collect();
    assert!(found.is_empty(), "\n{}", found.join("\n"));
}

#[test]
fn every_module_is_used() {
    let sources = templates();
    let main = &sources["main.bicep"];
    for path in sources.keys().filter(|path| path.starts_with("modules/")) {
        assert!(main.contains(&format!("'{path}'")), "{path}");
    }
}

#[test]
fn the_outputs_are_named_as_the_labs_name_theirs() {
    let main = &templates()["main.bicep"];
    for name in [
        "appServicePlanName",
        "webAppName",
        "webAppDefaultHostName",
        "productionDefaultHostName",
        "stagingDefaultHostName",
        "logAnalyticsWorkspaceName",
        "logAnalyticsWorkspaceResourceId",
    ] {
        assert!(
            main.contains(&format!("\noutput {name} string = ")),
            "{name}"
        );
    }
}

/// The text of the only object that is the value of `property` in a file, without its indentation.
fn block(path: &str, property: &str) -> String {
    let sources = templates();
    let source = Source::parse(path, &sources[path]);
    let tree = source.tree.clone();
    let mut found = Vec::new();
    collect(&source, tree.root_node(), property, &mut found);
    assert_eq!(found.len(), 1, "{property} in {path}");
    found.remove(0)
}

fn collect(source: &Source<'_>, node: Node<'_>, property: &str, found: &mut Vec<String>) {
    if node.kind() == "object_property" && source.key(node).as_deref() == Some(property) {
        let lines = source.text_of(node).lines().map(str::trim);
        found.push(lines.collect::<Vec<_>>().join("\n"));
    }
    for part in children(node) {
        collect(source, part, property, found);
    }
}

#[test]
fn a_slot_is_configured_as_production_is() {
    let (site, slot) = ("modules/site.bicep", "modules/slot.bicep");
    for property in ["siteConfig", "httpsOnly", "kind", "identity"] {
        assert_eq!(block(site, property), block(slot, property));
    }
    for property in ["logs", "metrics"] {
        assert_eq!(
            block("modules/site-diagnostics.bicep", property),
            block(slot, property)
        );
    }
}

#[test]
fn the_site_speaks_tls_only_has_no_passwords_and_answers_its_deployer_only() {
    let config = block("modules/site.bicep", "siteConfig");
    for line in [
        "minTlsVersion: '1.2'",
        "scmMinTlsVersion: '1.2'",
        "ftpsState: 'Disabled'",
        "ipSecurityRestrictionsDefaultAction: 'Deny'",
        "ipAddress: deployerAddress",
        "scmIpSecurityRestrictionsUseMain: true",
        "appCommandLine: startupCommand",
    ] {
        assert!(
            config.lines().any(|found| found == line),
            "{line}\n{config}"
        );
    }
    let sources = templates();
    for path in ["modules/site.bicep", "modules/slot.bicep"] {
        let text = &sources[path];
        assert!(text.contains("httpsOnly: true"), "{path}");
        assert_eq!(text.matches("    allow: false\n").count(), 2, "{path}");
        assert!(text.contains("@secure()\nparam settings object"), "{path}");
    }
    assert!(sources["main.bicep"].contains("@secure()\n@minLength(16)\nparam labKey string\n"));
}

#[test]
fn all_three_log_tables_are_kept_and_every_resource_says_of_which_scenario_until_when() {
    let logs = block("modules/site-diagnostics.bicep", "logs");
    for table in [
        "AppServiceHTTPLogs",
        "AppServiceConsoleLogs",
        "AppServicePlatformLogs",
    ] {
        assert_eq!(logs.matches(table).count(), 1, "{table}");
    }
    let sources = templates();
    let main = &sources["main.bicep"];
    assert!(main.contains("  scenario: scenario\n  expiry: expiry\n"));
    // What has a region, or is global, is a resource of its own, which can be tagged.
    let mut tagged = 0;
    for (path, text) in sources.iter().filter(|(path, _)| *path != "main.bicep") {
        let located = text.matches("\n  location: ").count();
        assert_eq!(text.matches("\n  tags: tags\n").count(), located, "{path}");
        tagged += located;
    }
    assert_eq!(tagged, 7);
    assert!(main.contains("param createAlerts bool = false"));
}
