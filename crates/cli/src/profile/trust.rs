//! Which files of profiles to believe: a file in a folder that one happens to stand in could send a key anywhere.

use std::{
    fs::{File, Metadata},
    io::{self, Read as _},
    os::unix::fs::MetadataExt as _,
    path::Path,
};

/// What a file has to say.
#[derive(Debug)]
pub(super) enum Reading {
    /// There is no such file.
    Absent,
    /// It is ignored, for this reason.
    Distrusted(&'static str),
    /// Its text.
    Text(String),
}

/// Reads a file if it is the user's own and nobody else may read it. The open file is asked, so it cannot be exchanged
/// between the question and the reading.
pub(super) fn read(path: &Path) -> io::Result<Reading> {
    let mut file = match File::open(path) {
        Ok(file) => file,
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
            return Ok(Reading::Absent);
        }
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
            return Ok(Reading::Distrusted("you may not read it"));
        }
        Err(error) => return Err(error),
    };
    if let Some(reason) = distrust(&file.metadata()?, rustix::process::geteuid().as_raw()) {
        return Ok(Reading::Distrusted(reason));
    }
    let mut text = String::new();
    file.read_to_string(&mut text)?;
    Ok(Reading::Text(text))
}

fn distrust(file: &Metadata, user: u32) -> Option<&'static str> {
    if user != 0 && file.uid() != user {
        return Some("it belongs to somebody else");
    }
    if file.mode() & 0o077 != 0 {
        return Some("others may read or write it; `chmod 600` makes it private");
    }
    None
}
