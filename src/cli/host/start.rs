//! Starting the emulator and keeping it until it is told to stop.

use std::io::Write as _;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use serde_json::json;
use tokio::signal::unix::{SignalKind, signal};

use super::{ImageWord, ModeWord, NetworkWord, StartOptions};
use crate::cli::exit::Exit;
use crate::cli::live_page::LivePage;
use crate::cli::output;
use crate::host::control::ControlApi;
use crate::host::presence;
use crate::host::{
    Host, HostLevers, HostSettings, Image, Mode, Network, Notify, Probes, Setting,
    SlotConfiguration, SlotSettings,
};
use crate::machine::memory_box::sweep;
use crate::machine::own_files;

pub(super) fn run(options: &StartOptions) -> anyhow::Result<Exit> {
    let mut settings = settings(options)?;
    let boxes = options.folder.join("box");
    // What one that was killed has left there, whether or not this one has a box.
    sweep(&boxes);
    if let Some(request) = options.memory_box.request(&settings.executable, &boxes) {
        settings.memory_box = Some(Arc::new(request.fulfil()?));
    }
    raise_descriptor_limit();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("starting the runtime")?;
    let memory_box = settings.memory_box.clone();
    let exit = runtime.block_on(stand(options, settings));
    if let Some(memory_box) = memory_box {
        // Tasks of the emulator may still hold it for a moment, and nothing runs in it any more.
        memory_box.take_away();
    }
    exit
}

/// A request holds two descriptors here; the usual soft limit of 1024 would end at 500 of them.
fn raise_descriptor_limit() {
    use nix::sys::resource::{Resource, getrlimit, setrlimit};
    if let Ok((_, hard)) = getrlimit(Resource::RLIMIT_NOFILE) {
        // With the limit that there is, the front end says so when it is reached.
        let _ = setrlimit(Resource::RLIMIT_NOFILE, hard, hard);
    }
}

fn settings(options: &StartOptions) -> anyhow::Result<HostSettings> {
    let executable = std::env::current_exe().context("finding this program")?;
    let own = |pairs: &[(String, String)]| -> Vec<Setting> {
        pairs
            .iter()
            .map(|(name, value)| Setting {
                sticky: options.sticky.contains(name),
                ..Setting::app(name, value)
            })
            .collect()
    };
    let common = own(&options.settings);
    for setting in common.iter().chain(&own(&options.staging_settings)) {
        setting.check()?;
    }
    let configuration = SlotConfiguration {
        health_path: options.health_path.clone(),
        ..SlotConfiguration::new(&options.startup_command).with(common)
    };
    let mut staging = configuration.clone().with(own(&options.staging_settings));
    if let Some(command) = &options.staging_startup_command {
        staging.startup_command.clone_from(command);
    }
    let mut settings = HostSettings::new(&options.folder, executable, "");
    settings.production = SlotSettings {
        port: options.port,
        configuration,
    };
    settings.staging = options.staging_port.map(|port| SlotSettings {
        port,
        configuration: staging,
    });
    settings.site_name.clone_from(&options.site_name);
    settings.pace = options.pace;
    settings.front_end_limit = Duration::from_secs_f64(options.front_end_limit);
    settings.limit_status = options.limit_status;
    settings.always_on = options.always_on;
    settings.auto_heal.clone_from(&options.auto_heal);
    settings.home_megabytes = options.home_size;
    for (vault, name, value) in &options.secrets {
        settings.vault = settings.vault.with(vault, name, value);
    }
    settings.auto_swap = options.auto_swap;
    settings.image = match options.image {
        ImageWord::BuiltIn => Image::BuiltIn,
        ImageWord::Custom => Image::Custom,
    };
    settings.network = match options.network {
        NetworkWord::Auto => Network::Auto,
        NetworkWord::Own => Network::Own,
        NetworkWord::Loopback => Network::Loopback,
    };
    settings.mode = match options.mode {
        ModeWord::AppService => Mode::AppService,
        ModeWord::Kubernetes => Mode::Kubernetes(Probes::default()),
    };
    settings.notify = Notify::new(|text| output::message(&format!("labrat: {text}\n")));
    settings.tell = settings.notify.clone();
    Ok(settings)
}

async fn stand(options: &StartOptions, settings: HostSettings) -> anyhow::Result<Exit> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let token = match &options.token {
        Some(token) => token.clone(),
        None => presence::new_token().context("making a token for the control API")?,
    };
    let control = ControlApi::bind(options.control, token.clone()).await?;
    let control_address = control.address()?;
    let folder = settings.folder.clone();
    let pace = settings.pace;
    let host = Arc::new(Host::start(settings).await?);
    let told = presence::Told {
        control: control_address,
        token,
        pid: std::process::id(),
        folder: folder.canonicalize().unwrap_or_else(|_| folder.clone()),
    };
    // Gone with this function, however it ends.
    let _presence = presence::Presence::leave(&told)
        .inspect_err(|error| {
            output::message(&format!(
                "labrat: commands do not find the token by themselves: {error}; \
                 give it to both with --token\n"
            ));
        })
        .ok();
    let page = LivePage::open(options.dashboard).await?;
    host.watch(&page.feed)?;
    let shown = page.serve(Arc::new(HostLevers::of(Arc::clone(&host))))?;
    output::message(&format!("labrat: dashboard at {}\n", shown.url));
    announce(&host, &folder, control_address, pace)?;
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let api = tokio::spawn(control.serve(Arc::clone(&host), async {
        // Dropped or sent, it means the same.
        let _ = stopped.await;
    }));
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
    output::message("labrat: stopping\n");
    let _ = stop.send(());
    host.shut_down().await;
    // Somebody may wait for an answer that does not come any more.
    let _ = tokio::time::timeout(Duration::from_millis(200), api).await;
    Ok(Exit::Success)
}

/// Say where everything is: as one line of JSON on standard output, as words on standard error,
/// and in the folder.
fn announce(
    host: &Host,
    folder: &Path,
    control: std::net::SocketAddr,
    pace: f64,
) -> anyhow::Result<()> {
    let mut urls = serde_json::Map::new();
    for slot in host.slots() {
        let url = host.url(slot)?;
        output::message(&format!("labrat: {slot} at {url}\n"));
        urls.insert(slot.to_string(), json!(url));
    }
    output::message(&format!(
        "labrat: control at {control}, tables in {}\n",
        host.tables_folder().display()
    ));
    let started = json!({
        "slots": urls,
        "control": control.to_string(),
        "tables": host.tables_folder(),
        "pace": pace,
    });
    let path = folder.join("host.json");
    let written = own_files::private()
        .write(true)
        .create(true)
        .truncate(true)
        .open(&path)
        .and_then(|mut file| file.write_all(format!("{started:#}\n").as_bytes()));
    written.with_context(|| format!("writing {}", path.display()))?;
    // Last: whoever waits for the line finds everything.
    output::data(&format!("{started}\n"))?;
    Ok(())
}
