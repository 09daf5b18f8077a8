//! The environment of a container, as the platform injects it.

use std::collections::BTreeMap;
use std::path::Path;

use super::SiteIdentity;
use crate::host::{SlotConfiguration, Vault};

/// With what a target keys its digests of settings, so that they can be compared across the
/// containers of a run. The target reads it by this name, too.
const RUN_KEY: &str = "LABRAT_RUN_KEY";

/// Names and values that a container sees. Nothing of the emulator's own environment is among
/// them but `PATH`, with the folder of `labrat` before it.
pub(super) fn environment(
    identity: &SiteIdentity,
    configuration: &SlotConfiguration,
    vault: &Vault,
    home: &Path,
    path: &str,
    port: u16,
) -> BTreeMap<String, String> {
    let mut variables: BTreeMap<String, String> = configuration
        .settings
        .values()
        .flat_map(crate::host::Setting::variables)
        .map(|(name, value)| (name, vault.resolve(&value).0.to_owned()))
        .collect();
    // What is set comes first; labrat is found in any case.
    let path = match variables.get("PATH") {
        Some(set) => format!("{set}:{path}"),
        None => path.to_owned(),
    };
    let site = &identity.site_name;
    let mut own = |name: &str, value: &str| {
        variables.insert(name.to_owned(), value.to_owned());
    };
    own("PATH", &path);
    own(RUN_KEY, &identity.run_key);
    own("HOME", &home.to_string_lossy());
    own("PORT", &port.to_string());
    own("WEBSITE_SITE_NAME", site);
    own("WEBSITE_HOSTNAME", &identity.host_name);
    own("WEBSITE_INSTANCE_ID", &identity.instance_id);
    own("WEBSITE_ROLE_INSTANCE_ID", "0");
    own("WEBSITE_OWNER_NAME", "local+labrat-LocalwebspaceLinux");
    own("WEBSITE_RESOURCE_GROUP", "rg-labrat");
    own("WEBSITE_SKU", identity.sku);
    own("WEBSITE_STACK", "PYTHON");
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    own("NUM_CORES", &cores.to_string());
    own("SCM_DO_BUILD_DURING_DEPLOYMENT", "false");
    // Production has no such variable.
    if let Some(slot) = identity.slot_variable {
        own("WEBSITE_SLOT_NAME", slot);
    }
    variables
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::{ConnectionKind, Setting, SettingKind};

    fn connection(name: &str, kind: ConnectionKind) -> Setting {
        Setting {
            kind: SettingKind::Connection(kind),
            ..Setting::app(name, "Server=db")
        }
    }

    #[test]
    fn settings_come_twice_and_the_platforms_own_variables_win() {
        let configuration = SlotConfiguration::new("x").with([
            Setting::app("FEATURE_FLAG", "on"),
            Setting::app("PORT", "9000"),
            Setting::app(
                "FOUND",
                "@Microsoft.KeyVault(VaultName=shop;SecretName=flag)",
            ),
            Setting::app("LOST", "@Microsoft.KeyVault(VaultName=shop;SecretName=flg)"),
            connection("Orders", ConnectionKind::SqlAzure),
            connection("Cache", ConnectionKind::Custom),
        ]);
        let identity = SiteIdentity {
            site_name: "site".into(),
            platform_name: "site__staging".into(),
            host_name: "site-staging.localhost".into(),
            instance_id: "ab".repeat(32),
            run_key: "key".into(),
            slot_variable: Some("staging"),
            sku: "Standard",
        };
        let vault = Vault::default().with("shop", "flag", "secret");
        let seen = environment(
            &identity,
            &configuration,
            &vault,
            Path::new("/h"),
            "/bin",
            8123,
        );
        for (name, value) in [
            ("FEATURE_FLAG", "on"),
            ("APPSETTING_FEATURE_FLAG", "on"),
            ("APPSETTING_PORT", "9000"),
            ("FOUND", "secret"),
            ("APPSETTING_FOUND", "secret"),
            ("LOST", "@Microsoft.KeyVault(VaultName=shop;SecretName=flg)"),
            ("PORT", "8123"),
            ("WEBSITE_SITE_NAME", "site"),
            ("LABRAT_RUN_KEY", "key"),
            ("WEBSITE_SLOT_NAME", "staging"),
            ("HOME", "/h"),
            ("SQLAZURECONNSTR_Orders", "Server=db"),
            ("CUSTOMCONNSTR_Cache", "Server=db"),
        ] {
            assert_eq!(seen.get(name).map(String::as_str), Some(value), "{name}");
        }
        assert_eq!(seen["WEBSITE_INSTANCE_ID"].len(), 64);
        let production = SiteIdentity {
            slot_variable: None,
            ..identity
        };
        let seen = environment(
            &production,
            &configuration,
            &vault,
            Path::new("/h"),
            "/bin",
            8123,
        );
        assert!(!seen.contains_key("WEBSITE_SLOT_NAME"));
    }
}
