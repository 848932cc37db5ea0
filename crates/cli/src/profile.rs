//! Profiles: which server to talk to, and as whom, kept in files that only their owner reads.
//!
//! ```toml
//! current = "dev"
//!
//! [profiles.dev]
//! url = "http://127.0.0.1:8090"
//! api_key = "tn_…"
//! organization = "acme" # optional
//! ```

mod lookup;
mod trust;

use std::{collections::BTreeMap, fs, io, io::Write as _, path::Path};

use serde::{Deserialize, Serialize, Serializer};
use tempfile::NamedTempFile;
use tenantry_client::Secret;

pub(crate) use lookup::{Found, Places};

/// The name of a file of profiles.
pub(crate) const FILE_NAME: &str = "profiles.toml";

/// A server, and who to be there.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Profile {
    /// The server's address.
    pub(crate) url: String,
    /// The key to it.
    #[serde(serialize_with = "reveal")]
    pub(crate) api_key: Secret,
    /// The organization to act in, if not the key's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) organization: Option<String>,
}

/// What a file of profiles holds.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Profiles {
    /// The one to use when none is named.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) current: Option<String>,
    /// All of them, by name.
    #[serde(default)]
    pub(crate) profiles: BTreeMap<String, Profile>,
}

/// Why a file of profiles is of no use.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// The system does not let it be read or written.
    #[error("cannot use {path}")]
    Io {
        /// The file.
        path: String,
        /// What the system says.
        source: io::Error,
    },
    /// It is not TOML, or not of profiles. What is in it is not repeated: it may be a key.
    #[error("{path}, line {line}: {message}")]
    Malformed {
        /// The file.
        path: String,
        /// The line, from 1.
        line: usize,
        /// What is wrong there.
        message: String,
    },
}

/// Writes a profile into a file, in place of one of the same name, and makes it the current one if there is none. The
/// file is replaced as a whole, and only its owner may read it.
///
/// # Errors
/// When the file that is there cannot be read, or a new one cannot be written.
pub(crate) fn save(path: &Path, name: &str, profile: Profile) -> Result<(), Error> {
    let mut profiles = read(path)?;
    profiles.profiles.insert(name.to_owned(), profile);
    profiles.current.get_or_insert_with(|| name.to_owned());
    write(path, &profiles)
}

/// Reads a file of profiles; one that is not there has none.
pub(crate) fn read(path: &Path) -> Result<Profiles, Error> {
    match fs::read_to_string(path) {
        Ok(text) => parse(path, &text),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Profiles::default()),
        Err(source) => Err(io_error(path, source)),
    }
}

/// Replaces a file of profiles.
pub(crate) fn write(path: &Path, profiles: &Profiles) -> Result<(), Error> {
    let replace = || -> io::Result<()> {
        let text = toml::to_string_pretty(profiles).map_err(io::Error::other)?;
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        fs::create_dir_all(folder)?;
        // A temporary file is made with mode 0600, so nobody else can read it at any time.
        let mut file = NamedTempFile::new_in(folder)?;
        file.write_all(text.as_bytes())?;
        file.as_file().sync_all()?;
        file.persist(path)?;
        Ok(())
    };
    replace().map_err(|source| io_error(path, source))
}

fn parse(path: &Path, text: &str) -> Result<Profiles, Error> {
    toml::from_str(text).map_err(|error| Error::Malformed {
        path: path.display().to_string(),
        line: error.span().map_or(1, |span| text[..span.start].matches('\n').count() + 1),
        message: error.message().to_owned(),
    })
}

fn io_error(path: &Path, source: io::Error) -> Error {
    Error::Io { path: path.display().to_string(), source }
}

fn reveal<S: Serializer>(secret: &Secret, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(secret.reveal())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    fn profile(url: &str) -> Profile {
        Profile { url: url.to_owned(), api_key: "tn_hidden".into(), organization: None }
    }

    #[test]
    fn should_save_beside_the_others_for_the_owner_alone() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("new/profiles.toml");
        save(&path, "dev", profile("http://one")).expect("saved");
        save(&path, "live", profile("http://two")).expect("saved");
        save(&path, "dev", profile("http://three")).expect("saved");

        let text = fs::read_to_string(&path).expect("a file");
        let profiles = parse(&path, &text).expect("profiles");
        assert_eq!(profiles.current.as_deref(), Some("dev"));
        assert_eq!(profiles.profiles["dev"].url, "http://three");
        assert_eq!(profiles.profiles["live"].api_key.reveal(), "tn_hidden");
        assert_eq!(fs::metadata(&path).expect("a file").permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn should_not_overwrite_what_it_cannot_read() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("profiles.toml");
        fs::write(&path, "not TOML").expect("a file");
        assert!(matches!(save(&path, "dev", profile("http://one")), Err(Error::Malformed { .. })));
        assert_eq!(fs::read_to_string(&path).expect("a file"), "not TOML");
    }

    #[test]
    fn should_never_show_a_key() {
        assert!(!format!("{:?}", profile("http://one")).contains("tn_hidden"));
        for malformed in
            ["[profiles.dev]\napi_key = \"tn_hidden\" x", "[profiles.dev]\nurl = 1\napi_key = \"tn_hidden\""]
        {
            let error = parse(Path::new("profiles.toml"), malformed).expect_err("malformed");
            assert!(!format!("{error} {error:?}").contains("tn_hidden"), "{error}");
        }
    }
}
