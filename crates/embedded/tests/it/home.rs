use tenantry_embedded::{Error, Home};

use crate::support::{mode, open_folder};

#[test]
fn should_refuse_a_second_opener_in_one_line() {
    let folder = open_folder();
    let _home = Home::open(folder.path()).unwrap();
    let error = Home::open(folder.path()).expect_err("it is in use");
    assert!(matches!(error, Error::HomeInUse { .. }), "{error:?}");
    assert!(error.to_string().contains(folder.path().to_str().unwrap()));
    assert_eq!(error.to_string().lines().count(), 1);
}

#[test]
fn should_be_free_again_once_closed() {
    let folder = open_folder();
    drop(Home::open(folder.path()).unwrap());
    Home::open(folder.path()).unwrap();
}

#[test]
fn should_make_a_missing_folder_for_its_owner_alone() {
    let folder = open_folder();
    let home = Home::open(&folder.path().join("deep/home")).unwrap();
    assert_eq!(mode(home.path()), 0o700);
}

#[test]
fn should_leave_the_mode_of_a_folder_that_was_there() {
    let folder = open_folder();
    let home = Home::open(folder.path()).unwrap();
    assert_eq!(mode(home.path()), 0o755);
}
