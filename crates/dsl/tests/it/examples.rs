//! The specification's published examples, read from `../shared/ows/examples` beside the workspace. Where that folder is missing, these tests
//! say so and are skipped.

use std::{collections::BTreeMap, path::PathBuf};

use serde_json::Value;
use tenantry_dsl::Definition;

use super::{code, parse, problems};

/// Every example's name and text, or `None` where there are none.
fn examples() -> Option<BTreeMap<String, String>> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/ows/examples");
    let Ok(files) = std::fs::read_dir(&folder) else {
        eprintln!("skipped: {} is missing", folder.display());
        return None;
    };
    let read = |file: std::io::Result<std::fs::DirEntry>| {
        let path = file.expect("a readable folder").path();
        let name = path.file_name().expect("a file").to_string_lossy().into_owned();
        (name, std::fs::read_to_string(path).expect("a readable example"))
    };
    Some(files.map(read).collect())
}

#[test]
fn should_read_every_published_example_or_name_what_is_unsupported() {
    let Some(examples) = examples() else { return };
    let verdict = |text: &String| match parse(text) {
        Ok(_) => "ok".to_owned(),
        Err(_) => problems(text)
            .iter()
            .map(|problem| format!("{} {}:{} {}", code(problem), problem.line, problem.column, problem.path))
            .collect::<Vec<_>>()
            .join(", "),
    };
    let verdicts: BTreeMap<_, _> = examples.iter().map(|(name, text)| (name, verdict(text))).collect();
    insta::assert_json_snapshot!(verdicts);
}

#[test]
fn should_lose_nothing_of_a_supported_example() {
    let Some(examples) = examples() else { return };
    let supported = examples.iter().filter_map(|(name, text)| Some((name, text, parse(text).ok()?)));
    let mut count = 0;
    for (name, text, definition) in supported {
        count += 1;
        let independent: Value = serde_norway::from_str(text).expect(name);
        assert_eq!(definition.json(), &independent, "{name}");
        let again = Definition::from_value(definition.json().clone()).expect(name);
        assert_eq!(again.json(), definition.json(), "{name}");
        let as_json = parse(&definition.json().to_string()).expect(name);
        assert_eq!(as_json.digest(), definition.digest(), "{name}");
    }
    assert!(count > 0, "no example is supported");
}
