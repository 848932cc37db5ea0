//! Where profiles are looked for, and which of them counts.

use std::{
    env,
    path::{Path, PathBuf},
};

use super::{Error, FILE_NAME, Profile, Profiles, io_error, parse, trust};

/// The folder of a project's own profiles.
const PROJECT_FOLDER: &str = ".tenantry";

/// What decides where to look.
#[derive(Clone, Debug, Default)]
pub(crate) struct Places {
    /// `TENANTRY_HOME`.
    pub(crate) home: Option<PathBuf>,
    /// The current folder.
    pub(crate) here: Option<PathBuf>,
    /// `XDG_CONFIG_HOME`, or `~/.config`.
    pub(crate) config: Option<PathBuf>,
}

impl Places {
    /// Those of this process.
    pub(crate) fn of_process() -> Self {
        let folder = |name| env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        Self {
            home: folder("TENANTRY_HOME"),
            here: env::current_dir().ok(),
            config: folder("XDG_CONFIG_HOME")
                .filter(|path| path.is_absolute())
                .or_else(|| Some(folder("HOME")?.join(".config"))),
        }
    }

    /// The files to look in, the first to be preferred: in `TENANTRY_HOME`, in the nearest `.tenantry` at or above the
    /// current folder, in the user's configuration.
    fn files(&self) -> Vec<PathBuf> {
        let project = self.here.iter().flat_map(|here| here.ancestors());
        let project =
            project.map(|folder| folder.join(PROJECT_FOLDER).join(FILE_NAME)).find(|file| file.exists());
        let home = self.home.as_ref().map(|home| home.join(FILE_NAME));
        let config = self.config.as_ref().map(|config| config.join("tenantry").join(FILE_NAME));
        let mut files: Vec<PathBuf> = Vec::new();
        for file in [home, project, config].into_iter().flatten() {
            if !files.iter().any(|other| is_same_file(other, &file)) {
                files.push(file);
            }
        }
        files
    }

    /// The file that a new profile goes into: in `TENANTRY_HOME`, else in the user's configuration.
    pub(crate) fn for_new(&self) -> Option<PathBuf> {
        let home = self.home.as_ref().map(|home| home.join(FILE_NAME));
        home.or_else(|| Some(self.config.as_ref()?.join("tenantry").join(FILE_NAME)))
    }

    /// Reads every file that can be believed.
    ///
    /// # Errors
    /// When one of them cannot be read or understood.
    pub(crate) fn read(&self) -> Result<Found, Error> {
        let mut found = Found::default();
        for path in self.files() {
            match trust::read(&path).map_err(|source| io_error(&path, source))? {
                trust::Reading::Absent => {}
                trust::Reading::Distrusted(reason) => {
                    found.warnings.push(format!("warning: {} is ignored: {reason}", path.display()));
                }
                trust::Reading::Text(text) => {
                    let profiles = parse(&path, &text)?;
                    found.files.push((path, profiles));
                }
            }
        }
        Ok(found)
    }
}

/// The profiles that were found, the first file to be preferred.
#[derive(Debug, Default)]
pub(crate) struct Found {
    /// The files and what they hold.
    pub(crate) files: Vec<(PathBuf, Profiles)>,
    /// What the user should know of the files that were ignored.
    pub(crate) warnings: Vec<String>,
}

impl Found {
    /// The profile of this name, with its file.
    pub(crate) fn named(&self, name: &str) -> Option<(&Path, &Profile)> {
        self.files.iter().find_map(|(path, file)| Some((path.as_path(), file.profiles.get(name)?)))
    }

    /// The file and the name of the current profile: that of the first file that has one.
    pub(crate) fn current(&self) -> Option<(&Path, &str)> {
        self.files.iter().find_map(|(path, file)| Some((path.as_path(), file.current.as_deref()?)))
    }

    /// The current profile with its name, if its file still has it.
    pub(crate) fn current_profile(&self) -> Option<(&str, &Profile)> {
        let (current_file, name) = self.current()?;
        let (_, file) = self.files.iter().find(|(path, _)| path == current_file)?;
        Some((name, file.profiles.get(name)?))
    }
}

fn is_same_file(one: &Path, other: &Path) -> bool {
    one == other || matches!((one.canonicalize(), other.canonicalize()), (Ok(one), Ok(other)) if one == other)
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::PermissionsExt as _};

    use tempfile::TempDir;

    use super::*;
    use crate::profile::save;

    struct Tree(TempDir);

    impl Tree {
        fn new() -> Self {
            Self(tempfile::tempdir().expect("a folder"))
        }

        fn save(&self, folder: &str, name: &str) -> PathBuf {
            let path = self.0.path().join(folder).join(FILE_NAME);
            let url = format!("http://{folder}");
            save(&path, name, Profile { url, api_key: "tn_1".into(), organization: None }).expect("saved");
            path
        }

        fn places(&self) -> Places {
            let path = |name: &str| Some(self.0.path().join(name));
            fs::create_dir_all(self.0.path().join("project/deep/er")).expect("folders");
            Places { home: path("home"), here: path("project/deep/er"), config: path("config") }
        }

        fn current_url(&self) -> Option<String> {
            self.places().read().expect("readable").current_profile().map(|(_, profile)| profile.url.clone())
        }
    }

    #[test]
    fn should_prefer_the_home_then_the_project_then_the_user() {
        let tree = Tree::new();
        assert_eq!(tree.current_url(), None);
        tree.save("config/tenantry", "a");
        assert_eq!(tree.current_url().as_deref(), Some("http://config/tenantry"));
        tree.save("project/.tenantry", "a");
        assert_eq!(tree.current_url().as_deref(), Some("http://project/.tenantry"));
        tree.save("home", "a");
        assert_eq!(tree.current_url().as_deref(), Some("http://home"));
    }

    #[test]
    fn should_take_the_nearest_project_only() {
        let tree = Tree::new();
        tree.save("project/.tenantry", "far");
        tree.save("project/deep/.tenantry", "near");
        let found = tree.places().read().expect("readable");
        assert!(found.named("near").is_some());
        assert!(found.named("far").is_none());
    }

    #[test]
    fn should_find_a_named_profile_in_any_file() {
        let tree = Tree::new();
        tree.save("home", "one");
        tree.save("config/tenantry", "two");
        let found = tree.places().read().expect("readable");
        assert_eq!(
            found.named("two").map(|(_, profile)| profile.url.as_str()),
            Some("http://config/tenantry")
        );
        assert!(found.named("three").is_none());
    }

    #[test]
    fn should_ignore_a_file_that_others_may_read_and_say_so() {
        let tree = Tree::new();
        tree.save("config/tenantry", "a");
        let open = tree.save("project/.tenantry", "a");
        fs::set_permissions(&open, fs::Permissions::from_mode(0o640)).expect("a mode");
        let found = tree.places().read().expect("readable");
        assert_eq!(found.files.len(), 1);
        assert!(found.warnings[0].contains("chmod 600"), "{:?}", found.warnings);
    }

    #[test]
    fn should_read_a_file_once_when_two_ways_lead_to_it() {
        let tree = Tree::new();
        tree.save("project/.tenantry", "a");
        let places =
            Places { home: Some(tree.0.path().join("project/../project/.tenantry")), ..tree.places() };
        assert_eq!(places.read().expect("readable").files.len(), 1);
    }
}
