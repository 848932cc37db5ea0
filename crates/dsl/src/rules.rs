//! The forms that the specification's JSON Schema gives to names and versions.

/// What [`is_name`] accepts, in words.
pub(crate) const NAME: &str = "1 to 63 letters, digits and hyphens, the first and last no hyphen";

/// What [`is_semantic_version`] accepts, in words.
pub(crate) const SEMANTIC_VERSION: &str = "a semantic version such as 1.0.3";

/// Whether the text is a DNS label (RFC 1123), in either case.
pub(crate) fn is_name(text: &str) -> bool {
    (1..=63).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
        && !text.starts_with('-')
        && !text.ends_with('-')
}

/// Whether the text is a version of Semantic Versioning 2.0.0.
pub(crate) fn is_semantic_version(text: &str) -> bool {
    let (text, build) = text.split_once('+').map_or((text, None), |(text, build)| (text, Some(build)));
    let (core, pre) = text.split_once('-').map_or((text, None), |(core, pre)| (core, Some(pre)));
    let numbers: Vec<&str> = core.split('.').collect();
    numbers.len() == 3
        && numbers.iter().all(|number| is_number(number))
        && pre.is_none_or(|pre| pre.split('.').all(|part| is_identifier(part) && !has_leading_zero(part)))
        && build.is_none_or(|build| build.split('.').all(is_identifier))
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) && !has_leading_zero(text)
}

fn has_leading_zero(text: &str) -> bool {
    text.len() > 1 && text.starts_with('0') && text.bytes().all(|byte| byte.is_ascii_digit())
}

fn is_identifier(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

/// Whether the text is a token (RFC 9110, section 5.6.2), as methods and header names are.
pub(crate) fn is_token(text: &str) -> bool {
    !text.is_empty()
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn should_know_semantic_versions() {
        for version in
            ["0.1.0", "1.0.3", "1.0.0-alpha.5", "1.0.0-0a", "1.0.0+001", "1.0.0-a-b+c.d", "10.20.30"]
        {
            assert!(is_semantic_version(version), "{version}");
        }
        for version in [
            "",
            "1",
            "1.0",
            "1.0.0.0",
            "01.0.0",
            "1.0.0-",
            "1.0.0-01",
            "1.0.0-a..b",
            "1.0.0+",
            "v1.0.0",
            "1.0.x",
        ] {
            assert!(!is_semantic_version(version), "{version}");
        }
    }

    #[test]
    fn should_know_names() {
        for name in ["a", "do-it", "Order1", &"a".repeat(63)] {
            assert!(is_name(name), "{name}");
        }
        for name in ["", "-a", "a-", "a_b", "a b", "é", &"a".repeat(64)] {
            assert!(!is_name(name), "{name}");
        }
    }
}
