//! Temporal's own download service, which its SDKs use too: one request answers where the archive for this machine is.

use std::{
    fs::{self, File},
    io::{self, BufReader, Write},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    time::Duration,
};

use flate2::read::GzDecoder;
use serde::Deserialize;
use tar::Archive;
use tokio::task::spawn_blocking;

use super::VERSION;
use crate::progress::{Progress, during};

/// Why the download failed; it stands in a list of what else was tried.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failure {
    #[error("there is none for {0}")]
    Machine(&'static str),
    #[error("{}", chain(.0))]
    Http(#[from] reqwest::Error),
    #[error("{0}")]
    File(#[from] io::Error),
    #[error("the archive lacks {0}")]
    Missing(String),
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Offer {
    archive_url: String,
    file_to_extract: String,
}

/// Downloads the program to `staging`.
pub(super) async fn download(
    base: &str,
    staging: &Path,
    progress: &dyn Progress,
) -> Result<PathBuf, Failure> {
    // Only one provider can be installed; any will do.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let client = reqwest::Client::builder()
        .connect_timeout(Duration::from_secs(20))
        .read_timeout(Duration::from_mins(1))
        .build()?;
    let message = format!("downloading Temporal {VERSION}");
    let archive = staging.join("archive.tar.gz");
    let fetch = async {
        let offer = offer(&client, base).await?;
        save(&client, &offer.archive_url, &archive, progress).await?;
        Ok::<_, Failure>(offer.file_to_extract)
    };
    let wanted = during(progress, &message, fetch).await?;
    let program = staging.join("temporal");
    let target = program.clone();
    match spawn_blocking(move || unpack(&archive, &wanted, &target)).await {
        Ok(unpacked) => unpacked.map(|()| program),
        Err(panic) => std::panic::resume_unwind(panic.into_panic()),
    }
}

async fn offer(client: &reqwest::Client, base: &str) -> Result<Offer, Failure> {
    let platform = if cfg!(target_os = "macos") { "darwin" } else { "linux" };
    let processor = match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => return Err(Failure::Machine(other)),
    };
    let url = format!("{base}/cli/v{VERSION}?arch={processor}&platform={platform}&format=tar.gz");
    Ok(client.get(url).send().await?.error_for_status()?.json().await?)
}

async fn save(
    client: &reqwest::Client,
    url: &str,
    place: &Path,
    progress: &dyn Progress,
) -> Result<(), Failure> {
    let mut response = client.get(url).send().await?.error_for_status()?;
    let mut file = File::create(place)?;
    let (mut done, total) = (0, response.content_length());
    while let Some(chunk) = response.chunk().await? {
        file.write_all(&chunk)?;
        done += chunk.len() as u64;
        progress.bytes(done, total);
    }
    Ok(())
}

/// Takes one file out of an archive. The rest of the archive is read too, up to its checksum.
fn unpack(archive: &Path, wanted: &str, place: &Path) -> Result<(), Failure> {
    let mut archive = Archive::new(GzDecoder::new(BufReader::new(File::open(archive)?)));
    let mut found = false;
    for entry in archive.entries()? {
        let mut entry = entry?;
        if entry.path()? == Path::new(wanted) {
            io::copy(&mut entry, &mut File::create(place)?)?;
            found = true;
        }
    }
    io::copy(&mut archive.into_inner(), &mut io::sink())?;
    if !found {
        return Err(Failure::Missing(wanted.to_owned()));
    }
    Ok(fs::set_permissions(place, fs::Permissions::from_mode(0o755))?)
}

/// An HTTP error alone says little; its causes say why.
fn chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}
