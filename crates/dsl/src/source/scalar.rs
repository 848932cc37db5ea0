//! What a plain YAML scalar stands for: the core schema (YAML 1.2.2, section 10.3.2).

use serde_json::Number;

use super::Content;

/// Resolves the text of a plain scalar.
///
/// # Errors
/// Says why a number cannot be held without loss.
pub(super) fn resolve(text: &str) -> Result<Content, &'static str> {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Ok(Content::Null),
        "true" | "True" | "TRUE" => return Ok(Content::Bool(true)),
        "false" | "False" | "FALSE" => return Ok(Content::Bool(false)),
        _ => {}
    }
    if is_not_finite(text) {
        return Err("infinity and not-a-number do not exist in JSON; put it in quotes if it is text");
    }
    let number = number(text).map_err(|_: TooLarge| "the number is too large")?;
    Ok(number.map_or_else(|| Content::String(text.to_owned()), Content::Number))
}

fn is_not_finite(text: &str) -> bool {
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    matches!(unsigned, ".inf" | ".Inf" | ".INF") || matches!(text, ".nan" | ".NaN" | ".NAN")
}

/// A number that cannot be held without loss.
struct TooLarge;

/// The number, or `None` if the text is none.
fn number(text: &str) -> Result<Option<Number>, TooLarge> {
    if let Some(digits) = text.strip_prefix("0x") {
        return based(digits, 16);
    }
    if let Some(digits) = text.strip_prefix("0o") {
        return based(digits, 8);
    }
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    if !unsigned.is_empty() && unsigned.bytes().all(|byte| byte.is_ascii_digit()) {
        let signed = text.strip_prefix('+').unwrap_or(text);
        let integer = signed.parse::<i64>().map(Number::from);
        let integer = integer.or_else(|_| signed.parse::<u64>().map(Number::from));
        return integer.map(Some).map_err(|_| TooLarge);
    }
    if !is_decimal(unsigned) {
        return Ok(None);
    }
    text.parse().ok().and_then(Number::from_f64).ok_or(TooLarge).map(Some)
}

fn based(digits: &str, radix: u32) -> Result<Option<Number>, TooLarge> {
    let well_formed = !digits.is_empty() && digits.chars().all(|digit| digit.is_digit(radix));
    let number = || u64::from_str_radix(digits, radix).map(Number::from).map_err(|_| TooLarge);
    well_formed.then(number).transpose()
}

/// `(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?`
fn is_decimal(unsigned: &str) -> bool {
    let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent)),
        None => (unsigned, None),
    };
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let exponent_is_fine = exponent.is_none_or(|exponent| {
        let exponent = exponent.strip_prefix(['-', '+']).unwrap_or(exponent);
        !exponent.is_empty() && digits(exponent)
    });
    !(whole.is_empty() && fraction.is_empty()) && digits(whole) && digits(fraction) && exponent_is_fine
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn should_resolve_as_the_core_schema_does() {
        let cases = [
            ("", json!(null)),
            ("~", json!(null)),
            ("TRUE", json!(true)),
            ("no", json!("no")),
            ("007", json!(7)),
            ("+5", json!(5)),
            ("-12", json!(-12)),
            ("18446744073709551615", json!(u64::MAX)),
            ("0o17", json!(15)),
            ("0xFf", json!(255)),
            ("0x", json!("0x")),
            ("1.5", json!(1.5)),
            (".5", json!(0.5)),
            ("1.", json!(1.0)),
            ("1e3", json!(1000.0)),
            ("1e", json!("1e")),
            (".", json!(".")),
            ("-", json!("-")),
            ("1.0.3", json!("1.0.3")),
            ("1_000", json!("1_000")),
        ];
        for (text, expected) in cases {
            let content = resolve(text).expect(text);
            let node = super::super::Node { position: super::super::Position::default(), content };
            assert_eq!(node.to_value(), expected, "{text}");
        }
    }

    #[test]
    fn should_refuse_numbers_that_would_be_lost() {
        for text in [".inf", "-.INF", ".nan", "18446744073709551616", "1e999"] {
            assert!(resolve(text).is_err(), "{text}");
        }
    }
}
