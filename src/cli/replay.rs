//! `labrat replay`: a recorded run on the page that showed it live.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use clap::Args;
use tokio::signal::unix::{SignalKind, signal};

use super::exit::Exit;
use super::live_page::LivePage;
use super::output;
use crate::evidence::TIMELINE;
use crate::machine::own_files;
use crate::timeline::Event;
use crate::timeline::feed::{Feed, MOST_RECORDED};

/// Words of `labrat replay`.
#[derive(Debug, Args)]
pub(super) struct ReplayOptions {
    /// The folder of a run, or its timeline.jsonl
    bundle: PathBuf,
    /// Where the page is served; port 0 takes any
    #[arg(long, value_name = "HOST:PORT", default_value = "127.0.0.1:0")]
    bind: SocketAddr,
}

/// Serve the page until a signal says otherwise. The first line of standard output is its URL.
///
/// # Errors
/// When there is no recording, or the address cannot be listened on.
pub(super) fn run(options: &ReplayOptions) -> anyhow::Result<Exit> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("starting the page")?;
    runtime.block_on(async {
        let page = LivePage::open(options.bind).await?;
        load(&options.bundle, &page.feed)?;
        let shown = page.replay()?;
        let mut terminate = signal(SignalKind::terminate())?;
        let mut interrupt = signal(SignalKind::interrupt())?;
        output::data(&format!("{}\n", shown.url))?;
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        Ok(Exit::Success)
    })
}

/// Every event of the recording. Lines that are none are passed by: a killed run ends in the middle
/// of one.
fn load(bundle: &Path, feed: &Feed) -> anyhow::Result<()> {
    let path = match bundle.is_dir() {
        true => bundle.join(TIMELINE),
        false => bundle.to_owned(),
    };
    let text = own_files::read_named_text(&path, 2 * MOST_RECORDED as u64).with_context(|| {
        format!(
            "no recording in `{}`\n\nhint: labrat rehearse records one; an export of Azure has none",
            path.display()
        )
    })?;
    let events = text
        .lines()
        .filter_map(|line| serde_json::from_str::<Event>(line).ok());
    let mut count = 0;
    for event in events {
        feed.push(&event);
        count += 1;
    }
    if count == 0 {
        bail!("`{}` holds no event", path.display());
    }
    Ok(())
}
